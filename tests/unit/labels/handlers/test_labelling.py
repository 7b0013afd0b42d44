from collections.abc import Sequence

import pytest

from services.labels.domain.enough import Shown
from services.labels.domain.regions import Before
from services.labels.handlers.labelling import AGAIN_S, Labelling
from services.labels.ports import Found, FoundRegion
from shared.contracts.labels import MapLabels
from shared.errors import TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.label_log import FakeLabelLog

REGION = FoundRegion(
    region=4, words=("graph",), x=1, y=2, spread=1, share=1, centres=((1, 2),), members=("ab",)
)


class FakeMaps:
    """What files show, and regions that take two seconds of a core to find."""

    def __init__(self, **shown: Shown) -> None:
        self.files = shown
        self.asked: list[tuple[str, Sequence[Before], int]] = []
        self.fails = False
        self.deletes = False

    async def collections(self) -> Sequence[str]:
        return [*self.files]

    async def shown(self, collection: str) -> Shown | None:
        return self.files.get(collection)

    async def find(self, collection: str, before: Sequence[Before], last_region: int) -> Found:
        self.asked.append((collection, before, last_region))
        if self.fails:
            raise TransientError("no")
        shown = self.files[collection]
        if self.deletes:
            del self.files[collection]
        return Found(shown, 60, 4, (REGION,), cpu_s=2.0)


def labelling(maps: FakeMaps, told: FakeLabelLog | None = None) -> Labelling:
    return Labelling(maps, maps, told or FakeLabelLog(), FrozenClock(), 0.05)


async def labelled(one: Labelling) -> list[MapLabels]:
    return [
        MapLabels.model_validate_json(message.body)
        async for messages in one.label_next()
        for message in messages
    ]


async def test_what_was_found_is_told_once() -> None:
    maps = FakeMaps(one=Shown(5, 2, 60))
    work = labelling(maps)
    await work.look_at_all()

    (event,) = await labelled(work)

    assert event.id == "map.labels:one:5:2"
    assert (event.records, event.sampled, event.seconds, event.last_region) == (60, 60, 2.0, 4)
    assert event.regions[0].words == ("graph",)
    assert await labelled(work) == []
    assert work.waiting == 0


async def test_the_regions_of_before_are_handed_on() -> None:
    first = labelling(FakeMaps(one=Shown(5, 2, 60)))
    first.changed(["one"])
    maps = FakeMaps(one=Shown(9, 3, 60))
    work = labelling(maps, FakeLabelLog(*await labelled(first)))
    work.changed(["one"])

    await labelled(work)

    assert maps.asked == [("one", [Before(4, ("graph",), frozenset(["ab"]), 1.0)], 4)]


async def test_finding_takes_its_share_of_the_time_and_no_more() -> None:
    maps = FakeMaps(one=Shown(5, 2, 60), two=Shown(5, 2, 60))
    work = labelling(maps)
    await work.look_at_all()
    await labelled(work)

    clock = work.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(39)
    assert await labelled(work) == []
    clock.advance(2)
    assert [one.collection for one in await labelled(work)] == ["two"]


async def test_one_that_fails_is_tried_again_and_keeps_no_other_from_its_turn() -> None:
    maps = FakeMaps(one=Shown(5, 2, 60))
    work = labelling(maps)
    maps.fails = True
    work.changed(["one"])
    with pytest.raises(TransientError):
        await labelled(work)

    maps.fails = False
    clock = work.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(AGAIN_S + 1)
    assert [one.collection for one in await labelled(work)] == ["one"]


async def test_nothing_is_told_of_a_map_that_was_deleted_meanwhile() -> None:
    maps = FakeMaps(one=Shown(5, 2, 60))
    maps.deletes = True
    work = labelling(maps)
    work.changed(["one"])

    assert await labelled(work) == []


async def test_a_change_while_regions_are_found_is_looked_at_after_that() -> None:
    maps = FakeMaps(one=Shown(5, 2, 60))
    work = labelling(maps)
    work.changed(["one"])
    steps = work.label_next()
    await anext(steps)
    work.changed(["one"])
    async for _ in steps:
        pass

    assert work.waiting == 1
