"""The figures of all services, put together: progress, and whether the work is done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self, TypeVar

from services.cli.handlers.statuses import ABSENT
from services.cli.handlers.traffic import total
from services.cli.handlers.waits import bus_away, text_of
from shared.contracts.status_reading import (
    RUNNING,
    Statuses,
    Waiting,
    is_running,
    statuses_of,
    waits_of,
)
from shared.contracts.statuses import (
    DatasetFigures,
    DiscoveryStatus,
    EmbeddingStatus,
    Ledger,
    ModelFigures,
    ProjectionStatus,
    SourceFigures,
    Status,
    Told,
    Traffic,
    WritingStatus,
)
from shared.services import STAGES

HALTED = "halted"
NAMED = ("incomplete", "gone", "stalled")
WITHOUT_RECORDS = ("incomplete", "completed")
"""What a source may be that has none."""
Part = TypeVar("Part", bound=Told)


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the whole pipeline, for one collection."""

    ledger: SourceFigures = field(default_factory=SourceFigures)
    """What discovery tells: the sources, and where every record is."""
    model: ModelFigures = field(default_factory=ModelFigures)
    """What projection tells: what is counted, and the current model."""
    dataset: DatasetFigures = field(default_factory=DatasetFigures)
    """What writing tells: the dataset and the public files."""
    lag: Mapping[str, int] = field(default_factory=dict)
    """Messages that each stage has before it or in hand."""
    states: Mapping[str, str] = field(default_factory=dict)
    """What each service says of itself."""
    instances: Mapping[str, int] = field(default_factory=dict)
    """How many of each service answer."""
    blocked: Mapping[str, str] = field(default_factory=dict)
    """Stages that stand still, and why."""
    waits: Sequence[Waiting] = ()
    """What lasts: what the services wait for or try again, why, and since when."""
    halted: Mapping[str, str] = field(default_factory=dict)
    """Stages that give up nothing more, since too much is dead already, and why."""
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    """What each stage has counted since it was started."""
    embedded: int = 0
    """Records that got a vector since embedding was started."""
    recalled: int = 0
    """Texts whose vector was known from before, and not asked for."""

    @classmethod
    def of(cls, statuses: Statuses, lag: Mapping[str, int], collection: str) -> Self:
        """Put the statuses of all services together; one that is missing leaves its figures at 0.

        Of several instances, that counts which serves the collection: a standby tells nothing.
        """
        discovery = (one.collections for one in statuses_of(statuses, DiscoveryStatus))
        projection = (one.collections for one in statuses_of(statuses, ProjectionStatus))
        writing = (one.collections for one in statuses_of(statuses, WritingStatus))
        dataset = _first(writing, collection, DatasetFigures())
        waits = waits_of(statuses)
        blocked = {one.stage: text_of(one) for one in reversed(waits) if one.stage in STAGES}
        if dataset.blocked:
            blocked["writing"] = dataset.blocked
        embedding = [*statuses_of(statuses, EmbeddingStatus)]
        for one in embedding:
            if one.blocked:
                blocked["embedding"] = one.blocked
        return cls(
            ledger=_first(discovery, collection, SourceFigures()),
            model=_first(projection, collection, ModelFigures()),
            dataset=dataset,
            lag=lag,
            states={name: _state(statuses.get(name, ())) for name in STAGES},
            instances={
                name: sum(one.state != ABSENT for one in statuses.get(name, ())) for name in STAGES
            },
            halted={
                name: next((one.halted for one in statuses[name] if one.halted), "")
                for name in STAGES
                if _state(statuses.get(name, ())) == HALTED
            },
            blocked=blocked,
            waits=waits,
            traffic={name: total(statuses.get(name, ()), collection) for name in STAGES},
            embedded=sum(one.texts for one in embedding),
            recalled=sum(one.recalled for one in embedding),
        )

    def without_bus(self, reason: str, since: datetime) -> "Figures":
        """Return what was known last, now that nobody can be asked."""
        absent = dict.fromkeys(STAGES, ABSENT)
        waits = (bus_away(reason, since),)
        return replace(self, states=absent, instances={}, waits=waits, blocked={}, halted={})

    @property
    def is_everybody_running(self) -> bool:
        """Whether every stage has an instance that works."""
        return all(self.states.get(stage) == RUNNING for stage in STAGES)

    @property
    def is_drained(self) -> bool:
        """Whether nothing is on its way: all that was found is mapped or dead-lettered."""
        open_sources = sum(self.ledger.sources.get(name, 0) for name in ("reading", "dispatched"))
        return (
            self.is_everybody_running
            and self.ledger.has_looked
            and self.ledger.is_compared
            and self.model.is_compared
            and not open_sources
            and self.ledger.records.in_flight == self.ledger.records.held
            and not any(self.lag.values())
        )

    @property
    def is_published(self) -> bool:
        """Whether the public files hold everything, with the current model."""
        return self.dataset.model_version == self.model.version and self.dataset.is_fresh

    @property
    def has_casualties(self) -> bool:
        """Whether something is dead and was not dropped, or could not be read."""
        records, told = self.ledger.records, self.ledger
        has_dead = records.dead > records.dropped
        return has_dead or bool(told.sources.get("failed", 0)) or bool(told.failures)

    @property
    def is_empty(self) -> bool:
        """Whether all was looked at and no record was found, now or before.

        A source that was read to its end and holds none is as good as no source.
        """
        told = self.ledger
        others = (count for status, count in told.sources.items() if status not in WITHOUT_RECORDS)
        return told.has_looked and not told.records.seen and not any(others)

    @property
    def axes(self) -> tuple[float, float]:
        """Share of the variance along each axis of the model; zeros without one."""
        first, second = self.model.explained_variance_ratio or (0.0, 0.0)
        return first, second

    def summary(self, seconds: float) -> dict[str, Any]:
        """Return the summary that ``--json`` prints."""
        return {
            **self._accounts(),
            **self._named("incomplete", "gone"),
            "embedding": {"records": self.embedded, "recalled_texts": self.recalled},
            "projection": {
                "version": self.model.version,
                "explained_variance_ratio": list(self.axes),
            },
            "seconds": round(seconds, 3),
        }

    def _accounts(self) -> dict[str, Any]:
        return {
            "sources": self.ledger.sources,
            "records": balance(self.ledger.records),
            "dropped": self.ledger.records.dropped,
            "held": self.ledger.records.held,
            "failures": _told(self.ledger.failures),
        }

    def _named(self, *kinds: str) -> dict[str, Any]:
        """Return the sources that are told of by name, and how many of them there are."""
        found: dict[str, Any] = {}
        for kind in kinds:
            found[f"{kind}_sources"] = getattr(self.ledger, f"{kind}_sources")
            found[kind] = _told(getattr(self.ledger, kind))
        return found

    def report(self) -> dict[str, Any]:
        """Return what ``mapstream status --json`` prints."""
        return {
            "stages": {
                name: {
                    "state": self.states.get(name, ABSENT),
                    "instances": self.instances.get(name, 0),
                    "lag": self.lag.get(name, 0),
                }
                for name in STAGES
            },
            "blocked": dict(self.blocked),
            "waits": _told(self.waits),
            "halted": dict(self.halted),
            **self._accounts(),
            **self._named(*NAMED),
            "contradicted": _told(self.ledger.contradicted),
            "contradicted_batches": self.ledger.contradicted_batches,
            "model": {
                "version": self.model.version,
                "records": self.model.records,
                "explained_variance_ratio": list(self.axes),
                "is_stale": self.model.is_stale,
                "held": _told([self.model.held])[0] if self.model.held else None,
            },
            "dataset": {
                "rows": self.dataset.rows,
                "version": self.dataset.dataset_version,
                "model_version": self.dataset.model_version,
                "is_fresh": self.dataset.is_fresh,
            },
        }


def balance(records: Ledger) -> dict[str, int]:
    """Return the four figures of a ledger that must balance."""
    return records.model_dump(include={"seen", "mapped", "dead", "in_flight"})


def is_balanced(records: Ledger) -> bool:
    """Tell whether every record that was seen is accounted for."""
    return records.seen == records.mapped + records.dead + records.in_flight


def _first(told: Iterable[Mapping[str, Part]], collection: str, nothing: Part) -> Part:
    """Return what the first that serves the collection tells of it."""
    return next((one[collection] for one in told if collection in one), nothing)


def _told(parts: Sequence[Told]) -> list[dict[str, Any]]:
    """Pass parts of a status on as JSON, with what was told and nothing else."""
    return [one.model_dump(mode="json", exclude_unset=True) for one in parts]


def _state(statuses: Sequence[Status]) -> str:
    """Return the best state of a service's instances: a standby beside an owner is no trouble.

    One that is halted is: it holds messages that the others may not get.
    """
    states = [one.state for one in statuses]
    if HALTED in states:
        return HALTED
    return RUNNING if is_running(statuses) else (states[0] if states else ABSENT)
