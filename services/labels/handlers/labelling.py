"""Which maps are looked at, and what is told of their regions."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from services.labels.domain.enough import Labelled, Shown, due_in_s
from services.labels.domain.regions import Before
from services.labels.ports import Found, FoundRegion, MapFiles, RegionFinder, ToldLabels
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.labels import MAP_LABELS
from shared.clock import Clock
from shared.contracts.labels import MapLabels, Place, ToldRegion

AGAIN_S = 60.0
"""After a failure, which may be of the files of one map only."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Labelling:
    """Labels maps one at a time, each when it has changed enough, within a share of the time."""

    files: MapFiles
    finder: RegionFinder
    told: ToldLabels
    clock: Clock
    share: float
    _due: dict[str, float] = field(default_factory=dict, init=False)
    """By collection: when it is looked at, on the clock; those that are to be, and no others."""
    _rests_until: float = field(default=0.0, init=False)

    @property
    def waiting(self) -> int:
        """How many maps are to be looked at."""
        return len(self._due)

    def changed(self, collections: Iterable[str]) -> None:
        """Look at these maps soon."""
        for name in collections:
            self._due[name] = self.clock.monotonic()

    async def look_at_all(self) -> None:
        """Look at every map that there is.

        Raises:
            TransientError: They could not be listed.
        """
        self.changed(await self.files.collections())

    async def label_next(self) -> Steps:
        """Label the map that has waited longest, if one is due and there is time for it.

        Raises:
            TransientError: It could not be looked at; it is tried again in a minute.
        """
        now = self.clock.monotonic()
        name = min(self._due, key=self._due.__getitem__, default=None)
        if name is None or self._due[name] > now or self._rests_until > now:
            return
        again = self._due[name] = now + AGAIN_S
        shown = await self.files.shown(name)
        last = await self.told.last(name) if shown else None
        wait_s = due_in_s(shown, _labelled(last), self.clock.now()) if shown else None
        if wait_s == 0:
            event = await self._find(name, last)
            # One that is deleted meanwhile is told nothing of.
            if await self.files.shown(name) is not None:
                yield [outgoing_event(MAP_LABELS, event)]
        if self._due[name] != again:
            return  # it has changed meanwhile
        if wait_s:
            self._due[name] = now + wait_s
        else:
            del self._due[name]

    async def _find(self, name: str, last: MapLabels | None) -> MapLabels:
        began = self.clock.monotonic()
        before = [
            Before(one.region, one.words, frozenset(one.members), one.share)
            for one in (last.regions if last else ())
        ]
        self._rests_until = began + AGAIN_S
        found = await self.finder.find(name, before, last.last_region if last else 0)
        self._rests_until = began + found.cpu_s / self.share
        log.info(
            "labels.found", collection=name, sampled=found.sampled, regions=len(found.regions),
            seconds=round(found.cpu_s, 3),
        )  # fmt: skip
        return _event(name, found, self.clock)


def _event(name: str, found: Found, clock: Clock) -> MapLabels:
    """Make the event of what was found."""
    shown = found.shown
    return MapLabels(
        id=MapLabels.id_of(name, shown.dataset_version, shown.model_version),
        collection=name,
        occurred_at=clock.now(),
        dataset_version=shown.dataset_version,
        model_version=shown.model_version,
        records=shown.records,
        sampled=found.sampled,
        seconds=found.cpu_s,
        last_region=found.last_region,
        regions=tuple(map(_region, found.regions)),
    )


def _region(found: FoundRegion) -> ToldRegion:
    facts: dict[str, Any] = asdict(found)
    return ToldRegion(**facts | {"centres": [Place(x=x, y=y) for x, y in found.centres]})


def _labelled(last: MapLabels | None) -> Labelled | None:
    if last is None:
        return None
    shown = Shown(last.dataset_version, last.model_version, last.records)
    return Labelled(shown, last.occurred_at)
