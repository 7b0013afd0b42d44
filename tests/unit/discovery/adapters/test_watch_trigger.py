import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from services.discovery.adapters import watch_trigger
from services.discovery.adapters.folder_watch import FolderWatch
from services.discovery.adapters.watch_trigger import WatchTrigger
from tests.waiting import PATIENCE_S


async def take(trigger: WatchTrigger, count: int) -> list[frozenset[str] | None]:
    found: list[frozenset[str] | None] = []
    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        async for signal in signals:
            found.append(signal)
            if len(found) == count:
                break
    return found


async def test_everything_is_looked_at_again_and_again(tmp_path: Path) -> None:
    trigger = WatchTrigger(lambda: [str(tmp_path)], debounce_ms=50, rescan_interval_s=0.1)

    assert await take(trigger, 4) == [None] * 4


async def test_where_nothing_can_be_watched_everything_is_looked_at(tmp_path: Path) -> None:
    reasons: list[str] = []
    trigger = WatchTrigger(
        lambda: [str(tmp_path / "gone")],
        debounce_ms=50,
        rescan_interval_s=0.05,
        on_degraded=reasons.append,
    )

    assert await take(trigger, 3) == [None] * 3
    assert len(reasons) == 1
    assert "gone" in reasons[0]


async def test_what_is_there_is_watched_though_something_is_missing(tmp_path: Path) -> None:
    reasons: list[str] = []
    trigger = WatchTrigger(
        lambda: [str(tmp_path), str(tmp_path / "gone")],
        debounce_ms=50,
        rescan_interval_s=600,
        on_degraded=reasons.append,
    )

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        await anext(signals)
        await anext(signals)
        (tmp_path / "a.jsonl").touch()
        signal = await anext(signals)

    assert signal == frozenset([str(tmp_path / "a.jsonl")])
    assert "gone" in reasons[0]


async def test_a_burst_of_changes_is_one_signal(tmp_path: Path) -> None:
    """A burst that the machine's other work draws out is no burst; so there may be several."""
    trigger = WatchTrigger(lambda: [str(tmp_path)], debounce_ms=2000, rescan_interval_s=600)
    pieces = 0

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        await anext(signals)
        await anext(signals)
        for burst in range(20):
            missing = {str(tmp_path / f"{burst}-{number}.jsonl") for number in range(5)}
            for file in missing:
                Path(file).touch()
            pieces = 0
            while missing:
                missing -= await anext(signals) or set()
                pieces += 1
            if pieces == 1:
                break

    assert pieces == 1


async def test_a_root_whose_name_is_no_utf8_is_looked_at_and_the_others_are_watched(
    tmp_path: Path,
) -> None:
    odd, usual = tmp_path / os.fsdecode(b"runs\xff"), tmp_path / "usual"
    for folder in (odd, usual):
        folder.mkdir()
    reasons: list[str] = []
    trigger = WatchTrigger(
        lambda: [str(odd), str(usual)],
        debounce_ms=50,
        rescan_interval_s=600,
        on_degraded=reasons.append,
    )

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        await anext(signals)
        await anext(signals)
        (usual / "a.jsonl").touch()
        signal = await anext(signals)

    assert signal == frozenset([str(usual / "a.jsonl")])
    assert "runs\\xff" in reasons[0]


async def test_where_no_root_has_a_name_in_utf8_everything_is_looked_at(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"runs\xff")
    odd.mkdir()
    reasons: list[str] = []
    trigger = WatchTrigger(
        lambda: [str(odd)], debounce_ms=50, rescan_interval_s=0.05, on_degraded=reasons.append
    )

    assert await take(trigger, 3) == [None] * 3
    assert "runs\\xff" in reasons[0]


async def test_a_file_whose_name_is_no_utf8_ends_no_watch_for_good(tmp_path: Path) -> None:
    """The watcher fails at it; everything is looked at then, and the watch begins anew."""
    reasons: list[str] = []
    trigger = WatchTrigger(
        lambda: [str(tmp_path)], debounce_ms=50, rescan_interval_s=600, on_degraded=reasons.append
    )

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        await anext(signals)
        await anext(signals)
        (tmp_path / os.fsdecode(b"\xff.jsonl")).touch()
        while not reasons:
            assert await anext(signals) is None
        while reasons[-1]:  # until it is watched again
            await anext(signals)

    assert "cannot watch" in reasons[0]


async def test_a_folder_that_is_added_is_watched_once_that_is_said(tmp_path: Path) -> None:
    """Where there was none to watch before, all is looked at; later, what is new."""
    paths: list[str] = []
    trigger = WatchTrigger(lambda: paths, debounce_ms=50, rescan_interval_s=600)

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        await anext(signals)
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            following = asyncio.ensure_future(anext(signals))
            await asyncio.sleep(0)
            paths.append(str(tmp_path / name))
            trigger.renew()
            new = None if name == "a" else {str(tmp_path / name)}
            while await following != new:
                following = asyncio.ensure_future(anext(signals))
            following = asyncio.ensure_future(anext(signals))
            file = tmp_path / name / "x.jsonl"
            while True:
                file.touch()
                signal = await following
                if signal and str(file) in signal:
                    break
                following = asyncio.ensure_future(anext(signals))


async def test_nothing_is_missed_while_one_watch_takes_the_place_of_another(
    tmp_path: Path,
) -> None:
    """Nor is everything looked at: with each folder that comes, that would be all the others."""
    paths = [str(tmp_path / "first")]
    (tmp_path / "first").mkdir()
    trigger = WatchTrigger(lambda: paths, debounce_ms=20, rescan_interval_s=600)
    told: set[str] = set()

    async def write(stop: asyncio.Event) -> int:
        number = 0
        while not stop.is_set():
            (tmp_path / "first" / f"{number}").touch()
            number += 1
            await asyncio.sleep(0.005)
        return number

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        assert await anext(signals) is None
        assert await anext(signals) is None
        stop = asyncio.Event()
        writing = asyncio.ensure_future(write(stop))
        (tmp_path / "second").mkdir()
        paths.append(str(tmp_path / "second"))
        trigger.renew()
        while paths[-1] not in told:
            told |= await anext(signals) or {"everything"}
        stop.set()
        wanted = {str(tmp_path / "first" / f"{number}") for number in range(await writing)}
        while not wanted <= told:
            told |= await anext(signals) or {"everything"}

    assert "everything" not in told


async def test_a_root_that_is_replaced_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_trigger, "LOOKS", 10_000)
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    trigger = WatchTrigger(lambda: [str(root)], debounce_ms=20, rescan_interval_s=0.1)

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        await anext(signals)
        await anext(signals)
        root.rename(tmp_path / "gone")
        other.rename(root)
        file = root / "a.jsonl"
        file.touch()
        while str(file) not in (await anext(signals) or ()):
            file.touch()


@pytest.mark.parametrize(("looks", "is_one"), [(10_000, True), (2, False)])
async def test_a_watch_lasts_for_some_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int, *, is_one: bool
) -> None:
    begun: list[FolderWatch] = []

    def begin(paths: list[str], debounce_ms: int) -> FolderWatch:
        begun.append(FolderWatch(paths, debounce_ms))
        return begun[-1]

    monkeypatch.setattr(watch_trigger, "FolderWatch", begin)
    monkeypatch.setattr(watch_trigger, "LOOKS", looks)
    trigger = WatchTrigger(lambda: [str(tmp_path)], debounce_ms=20, rescan_interval_s=0.01)

    assert await take(trigger, 8) == [None] * 8
    assert (len(begun) == 1) is is_one
