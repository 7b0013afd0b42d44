"""Who is asked to mend what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from services.cli.domain.kept import StoredSource, What
from services.cli.domain.verdict import Verdict
from services.cli.handlers.repair import Dropped, Recounted, repair
from shared.errors import ConfigurationError
from shared.history import Verdict as HistoryVerdict

ONE = StoredSource("a.jsonl", 2, 7)


@dataclass
class Scene:
    """Owners that note what they are asked, and what is found before and after."""

    looks: list[Verdict]
    asked: list[object] = field(default_factory=list)
    unread: Mapping[str, str] = field(default_factory=dict)

    async def look(self) -> Verdict:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def drop_repeats(self) -> Dropped:
        self.asked.append("drop repeats")
        return Dropped(1, [])

    async def read_again(self, sources: Sequence[StoredSource]) -> Mapping[str, str]:
        self.asked.append(tuple(sources))
        return self.unread

    async def discard_staged(self, versions: Mapping[str, int]) -> None:
        self.asked.append(("discard staged", dict(versions)))

    async def take_over(self, sources: Sequence[StoredSource], emptied: Mapping[str, int]) -> None:
        self.asked.append(("take over", tuple(sources), dict(emptied)))

    async def count_anew(self, *, is_apart: bool = False, past: str = "same") -> Recounted:
        self.asked.append("count anew")
        if is_apart:
            self.asked.append(past)
        return Recounted(3, 0)

    async def place(self) -> int:
        self.asked.append("place")
        return 2

    async def publish(self) -> int:
        self.asked.append("publish")
        return 3


def found(*what: str, doubtful: Sequence[StoredSource] = ()) -> Verdict:
    by_name = {one.filename: one for one in doubtful}
    return Verdict("default", found=set(what), doubtful=by_name)


EQUAL = found()


async def test_nothing_is_asked_where_all_is_equal() -> None:
    scene = Scene([EQUAL])

    result = await repair(scene.look, scene)

    assert (scene.asked, result.done, result.by_hand) == ([], [], [])


@pytest.mark.parametrize(
    ("what", "asked"),
    [
        (What.MOMENTS, "count anew"),
        (What.MODEL, "count anew"),
        (What.BATCH_NOT_COUNTED, "count anew"),
        (What.FILES, "publish"),
        (What.FILE_ROWS, "publish"),
        (What.FILE_PART.format("coordinates"), "publish"),
    ],
)
async def test_the_owner_is_asked(what: str, asked: str) -> None:
    scene = Scene([found(what), EQUAL])

    result = await repair(scene.look, scene)

    assert scene.asked == [asked]
    assert result.left is EQUAL


async def test_what_is_elsewhere_is_placed_before_it_is_published() -> None:
    scene = Scene([found(What.COORDINATES), EQUAL])

    await repair(scene.look, scene)

    assert scene.asked == ["place", "publish"]


async def test_what_only_repeats_brought_is_over_with_them() -> None:
    """Else a source would be read again for a row that is gone already."""
    scene = Scene([found(What.TWICE, What.ROWS, doubtful=[ONE]), found(What.MOMENTS), EQUAL])

    await repair(scene.look, scene)

    assert scene.asked == ["drop repeats", "count anew"]


async def test_sources_are_read_again_and_the_rest_is_mended_at_once() -> None:
    scene = Scene([found(What.ROWS, What.MOMENTS, What.FILE_ROWS, doubtful=[ONE]), EQUAL])

    result = await repair(scene.look, scene)

    assert scene.asked == [(ONE,), "count anew", "publish"]
    assert "reads them again when it runs" in result.done[0]


@pytest.mark.parametrize(
    ("why", "told"), [("forgotten", "is forgotten"), ("gone", "its file is gone")]
)
async def test_what_will_not_be_read_is_left_to_somebody(why: str, told: str) -> None:
    scene = Scene([found(What.ROWS, doubtful=[ONE])], unread={"a.jsonl": why})

    result = await repair(scene.look, scene)

    assert result.done == []
    assert f"a.jsonl: {told}" in result.by_hand[0]


async def test_what_waits_for_nothing_is_let_go() -> None:
    over = replace(found(What.STAGED_OVER), staged_over={"a": 2})
    scene = Scene([over, EQUAL])

    await repair(scene.look, scene)

    assert scene.asked == [("discard staged", {"a": 2})]


async def test_a_map_at_work_is_refused() -> None:
    scene = Scene([Verdict("default", found={What.MOMENTS}, is_changing=True)])

    with pytest.raises(ConfigurationError, match="stop the services"):
        await repair(scene.look, scene)
    assert scene.asked == []


@pytest.mark.parametrize(
    ("verdict", "asked"),
    [
        (HistoryVerdict.OWNER_LOST, "earlier"),
        (HistoryVerdict.OWNER_OLDER, "earlier"),
        (HistoryVerdict.OWNER_OTHER, "another"),
        (HistoryVerdict.DATASET_LOST, "same"),
        (HistoryVerdict.DATASET_OLDER, "same"),
        (HistoryVerdict.DATASET_OTHER, "another"),
    ],
)
async def test_owners_that_are_apart_from_the_dataset_are_made_to_belong_to_it(
    verdict: HistoryVerdict, asked: str
) -> None:
    """Models that projection has told of an older dataset stay: their numbers are taken."""
    left = replace(
        EQUAL,
        apart={"discovery": verdict, "projection": verdict},
        overtaken={ONE.filename: ONE},
        emptied={"id": 4},
    )
    scene = Scene([left, EQUAL])

    result = await repair(scene.look, scene)

    assert scene.asked == [("take over", (ONE,), {"id": 4}), "count anew", asked]
    assert "1 sources are numbered from the dataset on" in "".join(result.done)
