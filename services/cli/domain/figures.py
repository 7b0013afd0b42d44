"""The figures of all services, put together: progress, and whether the work is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self

from services.cli.domain.statuses import ABSENT, Status
from services.cli.domain.traffic import Traffic
from services.cli.domain.waits import Wait, bus_away, waits_of

HALTED = "halted"
NAMED = ("incomplete", "gone", "stalled")
WITHOUT_RECORDS = ("incomplete", "completed")
"""What a source may be that has none."""
STAGES = ("discovery", "embedding", "projection", "writing")


@dataclass(frozen=True, slots=True)
class Records:
    """The ledger: ``seen = mapped + dead + in_flight``, at any moment."""

    seen: int = 0
    mapped: int = 0
    dead: int = 0
    in_flight: int = 0
    dropped: int = 0
    """Of the dead: those that somebody gave up for good."""

    @property
    def is_balanced(self) -> bool:
        """Whether every record that was seen is accounted for."""
        return self.seen == self.mapped + self.dead + self.in_flight

    @property
    def balance(self) -> dict[str, int]:
        """The four figures that must balance."""
        return {
            "seen": self.seen,
            "mapped": self.mapped,
            "dead": self.dead,
            "in_flight": self.in_flight,
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the whole pipeline, for one collection."""

    sources: Mapping[str, int] = field(default_factory=dict)
    """Number of sources by status."""
    records: Records = field(default_factory=Records)
    has_looked: bool = False
    """Whether discovery has looked at every source once."""
    failures: Sequence[Mapping[str, str]] = ()
    """Sources and folders that could not be read: filename and reason."""
    incomplete: Sequence[Mapping[str, Any]] = ()
    """Sources that are not read yet: filename, why, reason, since; the first of them."""
    incomplete_sources: int = 0
    gone: Sequence[Mapping[str, Any]] = ()
    """Mapped sources that are not there any more: filename, since, mapped, same_as; the first."""
    gone_sources: int = 0
    stalled: Sequence[Mapping[str, Any]] = ()
    """Sources that stand still: filename, stage, since, in_flight; the first of them."""
    stalled_sources: int = 0
    projection_records: int = 0
    version: int = 0
    explained_variance_ratio: tuple[float, float] = (0.0, 0.0)
    is_stale: bool = False
    """Whether anything was counted after the last fit."""
    rows: int = 0
    dataset_version: int = 0
    is_fresh: bool = False
    """Whether the public files hold what the store holds."""
    written_model: int = 0
    lag: Mapping[str, int] = field(default_factory=dict)
    """Messages that each stage has before it or in hand."""
    states: Mapping[str, str] = field(default_factory=dict)
    """What each service says of itself."""
    instances: Mapping[str, int] = field(default_factory=dict)
    """How many of each service answer."""
    blocked: Mapping[str, str] = field(default_factory=dict)
    """Stages that stand still, and why."""
    waits: Sequence[Wait] = ()
    """What lasts: what the services wait for or try again, why, and since when."""
    halted: Mapping[str, str] = field(default_factory=dict)
    """Stages that give up nothing more, since too much is dead already, and why."""
    held: Mapping[str, Any] | None = None
    """A refit that waits for force: its movement and decision."""
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    """What each stage has counted since it was started."""

    @classmethod
    def of(
        cls, statuses: Mapping[str, Sequence[Status]], lag: Mapping[str, int], collection: str
    ) -> Self:
        """Read the statuses of all services; one that is missing leaves its figures at zero."""
        discovery = _of_collection(statuses, "discovery", collection)
        projection = _of_collection(statuses, "projection", collection)
        writing = _of_collection(statuses, "writing", collection)
        first, second = projection.get("explained_variance_ratio") or (0.0, 0.0)
        told = discovery.get("records", {})
        waits = tuple(waits_of(statuses))
        blocked = {one.stage: one.text for one in reversed(waits) if one.stage in STAGES}
        if reason := writing.get("blocked"):
            blocked["writing"] = reason
        for one in statuses.get("embedding", ()):
            if one.get("blocked"):
                blocked["embedding"] = one["blocked"]
        return cls(
            sources=discovery.get("sources", {}),
            records=Records(*(told.get(one.name, 0) for one in fields(Records))),
            has_looked=bool(discovery.get("has_looked")),
            failures=discovery.get("failures", ()),
            **_named(discovery),
            projection_records=projection.get("records", 0),
            version=projection.get("version", 0),
            explained_variance_ratio=(first, second),
            is_stale=bool(projection.get("is_stale")),
            rows=writing.get("rows", 0),
            dataset_version=writing.get("dataset_version", 0),
            is_fresh=bool(writing.get("is_fresh")),
            written_model=writing.get("model_version", 0),
            lag=lag,
            states={name: _state(statuses.get(name, ())) for name in STAGES},
            instances={
                name: sum(one.get("state") != ABSENT for one in statuses.get(name, ()))
                for name in STAGES
            },
            halted={
                name: next((str(one["halted"]) for one in statuses[name] if one.get("halted")), "")
                for name in STAGES
                if _state(statuses.get(name, ())) == HALTED
            },
            blocked=blocked,
            waits=waits,
            held=projection.get("held"),
            traffic={name: Traffic.of(statuses.get(name, ()), collection) for name in STAGES},
        )

    def without_bus(self, reason: str, since: datetime) -> "Figures":
        """Return what was known last, now that nobody can be asked."""
        absent = dict.fromkeys(STAGES, ABSENT)
        waits = (bus_away(reason, since),)
        return replace(self, states=absent, instances={}, waits=waits, blocked={}, halted={})

    @property
    def is_everybody_running(self) -> bool:
        """Whether every stage has an instance that works."""
        return all(self.states.get(stage) == "running" for stage in STAGES)

    @property
    def is_drained(self) -> bool:
        """Whether nothing is on its way: all that was found is mapped or dead-lettered."""
        open_sources = sum(self.sources.get(name, 0) for name in ("reading", "dispatched"))
        return (
            self.is_everybody_running
            and self.has_looked
            and not open_sources
            and not self.records.in_flight
            and not any(self.lag.values())
        )

    @property
    def is_published(self) -> bool:
        """Whether the public files hold everything, with the current model."""
        return self.written_model == self.version and self.is_fresh

    @property
    def has_casualties(self) -> bool:
        """Whether something is dead and was not dropped, or could not be read."""
        is_dead = self.records.dead > self.records.dropped
        return is_dead or bool(self.sources.get("failed", 0)) or bool(self.failures)

    @property
    def is_empty(self) -> bool:
        """Whether all was looked at and no record was found, now or before.

        A source that was read to its end and holds none is as good as no source.
        """
        others = (count for status, count in self.sources.items() if status not in WITHOUT_RECORDS)
        return self.has_looked and not self.records.seen and not any(others)

    def summary(self, seconds: float) -> dict[str, Any]:
        """Return the summary that ``--json`` prints."""
        return {
            "sources": dict(self.sources),
            "records": self.records.balance,
            "dropped": self.records.dropped,
            "failures": [dict(one) for one in self.failures],
            **self._named("incomplete", "gone"),
            "projection": {
                "version": self.version,
                "explained_variance_ratio": list(self.explained_variance_ratio),
            },
            "seconds": round(seconds, 3),
        }

    def _named(self, *kinds: str) -> dict[str, Any]:
        """Return the sources that are told of by name, and how many of them there are."""
        found: dict[str, Any] = {}
        for kind in kinds:
            found[f"{kind}_sources"] = getattr(self, f"{kind}_sources")
            found[kind] = [dict(one) for one in getattr(self, kind)]
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
            "waits": [one.told for one in self.waits],
            "halted": dict(self.halted),
            "sources": dict(self.sources),
            "failures": [dict(one) for one in self.failures],
            **self._named(*NAMED),
            "records": self.records.balance,
            "dropped": self.records.dropped,
            "model": {
                "version": self.version,
                "records": self.projection_records,
                "explained_variance_ratio": list(self.explained_variance_ratio),
                "is_stale": self.is_stale,
                "held": dict(self.held) if self.held else None,
            },
            "dataset": {
                "rows": self.rows,
                "version": self.dataset_version,
                "model_version": self.written_model,
                "is_fresh": self.is_fresh,
            },
        }


def _named(discovery: Mapping[str, Any]) -> dict[str, Any]:
    """Read the sources that discovery tells of by name; an older one does not tell of all."""
    some = {kind: discovery.get(kind, ()) for kind in NAMED}
    return some | {f"{kind}_sources": discovery.get(f"{kind}_sources", 0) for kind in NAMED}


def _state(statuses: Sequence[Status]) -> str:
    """Return the best state of a service's instances: a standby beside an owner is no trouble.

    One that is halted is: it holds messages that the others may not get.
    """
    states = [str(one.get("state", "")) for one in statuses]
    if HALTED in states:
        return HALTED
    return "running" if "running" in states else (states[0] if states else ABSENT)


def _of_collection(
    statuses: Mapping[str, Sequence[Status]], service: str, collection: str
) -> Mapping[str, Any]:
    """Return what a service tells about a collection; a standby tells nothing."""
    for one in statuses.get(service, ()):
        found = one.get("collections", {}).get(collection)
        if found:
            return found
    return {}
