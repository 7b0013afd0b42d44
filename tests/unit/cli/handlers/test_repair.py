"""Who is asked to mend what."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from services.cli.domain.kept import StoredSource, What
from services.cli.handlers.repair import Dropped, Recounted, repair
from services.cli.handlers.verify import Verdict
from shared.errors import ConfigurationError

ONE = StoredSource("a.jsonl", 2, 7)


@dataclass
class Scene:
    """Owners that note what they are asked, and what is found before and after."""

    looks: list[Verdict]
    asked: list[object] = field(default_factory=list)
    forgotten: Sequence[str] = ()

    async def look(self) -> Verdict:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def drop_repeats(self) -> Dropped:
        self.asked.append("drop repeats")
        return Dropped(1, [])

    async def read_again(self, sources: Sequence[StoredSource]) -> Sequence[str]:
        self.asked.append(tuple(sources))
        return self.forgotten

    async def count_anew(self) -> Recounted:
        self.asked.append("count anew")
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


async def test_what_is_forgotten_is_left_to_somebody() -> None:
    scene = Scene([found(What.ROWS, doubtful=[ONE])], forgotten=["a.jsonl"])

    result = await repair(scene.look, scene)

    assert result.done == []
    assert "a.jsonl: is forgotten" in result.by_hand[0]


async def test_a_map_at_work_is_refused() -> None:
    scene = Scene([Verdict("default", found={What.MOMENTS}, is_changing=True)])

    with pytest.raises(ConfigurationError, match="stop the services"):
        await repair(scene.look, scene)
    assert scene.asked == []
