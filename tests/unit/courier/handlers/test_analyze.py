"""What is handed to an analysis service, how often it is asked, and what is noted of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.courier.adapters.blob_file_store import BlobFileStore
from services.courier.domain.analysis import Standing
from services.courier.domain.headers import Validators
from services.courier.handlers.analyze import Analyst, Analyzed, Delegated, Pace
from services.courier.handlers.coming import Fetched
from services.courier.handlers.errands import Courier
from services.courier.handlers.fetch import HANDED_IN, Fetcher, Rules
from services.courier.ports import AwayError, BrokenError, HandedOver, RefusedError
from shared.blobs.folder import FolderBlobs
from shared.blobs.object_blobs import ObjectBlobs
from shared.clock import SystemClock
from shared.contracts.analysis import RECORDS_TYPE, AnalysisBegun, AnalysisNoted, NoteAnalysis
from shared.contracts.fetching import (
    DeliverFetch,
    FetchDelivered,
    FetchesTaken,
    FetchWork,
    TakeFetches,
)
from shared.errors import TransientError
from shared.task_groups import TaskGroup
from tests.blobs import put
from tests.fakes.clock import FrozenClock
from tests.fakes.objects import FakeObjects

JOB = "0123456789abcdef0123"
BODY = b"name,note\nAda,first\n"
RECORD = b'{"text": "first", "attributes": {"name": "Ada"}}\n'
DONE = Standing(state="completed", phase="complete", items_processed=1, result_url="http://a/r")


def processing(number: int) -> Standing:
    return Standing(state="processing", phase="analyzing", items_processed=number, items_total=100)


@dataclass
class FakeAnalyser:
    """Answers one after the other; the last one for ever."""

    health: list[Any] = field(default_factory=lambda: [None])
    remote: list[Any] = field(default_factory=lambda: ["7"])
    standings: list[Any] = field(default_factory=lambda: [DONE])
    pieces: list[Any] = field(default_factory=lambda: [[RECORD]])
    handed: list[HandedOver] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    async def check(self) -> None:
        _next(self.health)

    async def begin(self, file: HandedOver) -> str:
        self.handed.append(file)
        return str(_next(self.remote))

    async def look(self, remote_id: str) -> Standing:
        self.looked.append(remote_id)
        found = _next(self.standings)
        assert isinstance(found, Standing)
        return found

    @asynccontextmanager
    async def records(self, url: str, most_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        del url, most_bytes
        given = _next(self.pieces)

        async def come() -> AsyncIterator[bytes]:
            for one in given:
                if isinstance(one, Exception):
                    raise one
                yield one

        yield come()


def _next(answers: list[Any]) -> Any:
    found = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(found, Exception):
        raise found
    return found


@dataclass
class FakeErrands:
    told: list[NoteAnalysis] = field(default_factory=list)
    answers: list[Any] = field(default_factory=lambda: [True])
    items: tuple[FetchWork, ...] = ()
    asked: list[TakeFetches] = field(default_factory=list)
    delivered: list[DeliverFetch] = field(default_factory=list)

    async def take(self, asked: TakeFetches) -> FetchesTaken:
        self.asked.append(asked)
        return FetchesTaken(items=self.items)

    async def deliver(self, told: DeliverFetch) -> FetchDelivered:
        self.delivered.append(told)
        return FetchDelivered(is_taken=True)

    async def note(self, told: NoteAnalysis) -> AnalysisNoted:
        is_taken = _next(self.answers)
        self.told.append(told)
        return AnalysisNoted(is_taken=is_taken)


@dataclass
class Scene:
    folder: Path
    analyser: FakeAnalyser = field(default_factory=FakeAnalyser)
    errands: FakeErrands = field(default_factory=FakeErrands)
    clock: FrozenClock = field(default_factory=FrozenClock)
    naps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.blobs = FolderBlobs(self.folder)
        self.blob = put(self.blobs, BODY, JOB, original_filename="a.csv")
        self.file = Fetched(
            blob=self.blob, size=len(BODY), filename="a.csv", validators=Validators('"1"')
        )
        store = BlobFileStore(self.blobs, SystemClock(), 1 << 20)
        self.analyst = Analyst(
            self.analyser, self.errands, store, 1 << 20, self.clock, Pace(), self.nap  # type: ignore[arg-type]
        )  # fmt: skip

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)

    async def analyze(self, begun: dict[str, Any] | None = None) -> Analyzed | Delegated:
        return await self.analyst.analyze(self.work(begun), self.file)

    def work(self, begun: dict[str, Any] | None = None) -> FetchWork:
        return FetchWork(
            job=JOB, attempt=2, collection="default", url="https://example.org/a.csv",
            filename=None, by="me", is_analyzed=True,
            begun=None if begun is None else AnalysisBegun.model_validate(begun),
        )  # fmt: skip

    @property
    def noted(self) -> list[tuple[str, str | None]]:
        return [(one.analysis.phase, one.analysis.remote_id) for one in self.errands.told]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "blobs")


async def test_records_become_the_content_and_all_of_it_is_noted(scene: Scene) -> None:
    scene.analyser.standings = [processing(1), processing(3), processing(6), DONE]

    done = await scene.analyze()

    assert isinstance(done, Analyzed)
    line = scene.blobs.path(done.records.blob).read_bytes()
    assert json.loads(line) == {"text": "first", "name": "Ada"}
    note = scene.blobs.find(done.records.blob, JOB)
    assert note is not None
    assert (note.mime_type, note.original_filename) == (RECORDS_TYPE, "a.csv")
    assert done.records.validators == Validators('"1"')
    assert scene.analyser.handed == [
        HandedOver(blob=scene.blob, filename="a.csv", collection="default", key=f"{JOB}:2")
    ]
    # What it is called is noted before it is asked about; small steps are not told.
    assert scene.noted == [
        ("downloading", None), ("analyzing", "7"), ("analyzing", "7"), ("complete", "7"),
    ]  # fmt: skip
    assert [one.analysis.items_processed for one in scene.errands.told] == [0, 0, 6, 1]
    assert scene.naps == [5.0, 5.0, 5.0]


async def test_from_an_object_store_the_service_gets_an_address(scene: Scene) -> None:
    blobs = ObjectBlobs(FakeObjects(), scene.folder, 0)
    scene.analyst.store = BlobFileStore(blobs, SystemClock(), 1 << 20)
    scene.analyser.standings = [DONE]

    await scene.analyze()

    (handed,) = scene.analyser.handed
    assert handed.url == f"memory:{scene.blob}/{JOB}?for=1 day, 0:00:00"


async def test_after_a_crash_it_is_asked_and_not_handed_over_again(scene: Scene) -> None:
    kept = {"blob": scene.blob, "size_bytes": len(BODY), "filename": "a.csv"}
    begun = {"kept": kept, "remote_id": "9"}

    assert await scene.analyst.begun(scene.work(begun)) == Fetched(
        blob=scene.blob, size=len(BODY), filename="a.csv", validators=Validators()
    )
    await scene.analyze(begun)

    assert (scene.analyser.handed, scene.analyser.looked) == ([], ["9"])
    assert scene.noted == [("complete", "9")]
    assert await scene.analyst.begun(scene.work({"kept": kept | {"blob": "0" * 64}})) is None


async def test_without_a_result_it_is_delegated(scene: Scene) -> None:
    scene.analyser.standings = [Standing(state="completed", phase="complete")]

    assert await scene.analyze() == Delegated()


async def test_what_is_broken_is_asked_three_times_more_and_4xx_never(scene: Scene) -> None:
    scene.analyser.health = [BrokenError("503")]
    with pytest.raises(BrokenError, match="503"):
        await scene.analyze()
    assert scene.naps == [1.0, 2.0, 4.0]

    scene.analyser.health = [None]
    scene.analyser.remote = [RefusedError("422")]
    scene.naps.clear()
    with pytest.raises(RefusedError, match="422"):
        await scene.analyze()
    assert scene.naps == []


async def test_who_is_away_is_asked_again_after_thirty_seconds_until_it_stalls(
    scene: Scene,
) -> None:
    scene.analyser.health = [AwayError("nobody"), AwayError("nobody"), None]
    await scene.analyze()
    assert scene.naps == [30.0, 30.0]

    scene.analyser.health = [AwayError("nobody")]
    with pytest.raises(BrokenError, match=r"stalled: nothing has moved .* for 30 min.*nobody"):
        await scene.analyze()
    assert sum(scene.naps[2:]) == 1800


async def test_polls_slow_down_while_there_is_no_answer(scene: Scene) -> None:
    broken = BrokenError("500")
    scene.analyser.standings = [processing(1), broken, broken, broken, broken, processing(2), DONE]

    await scene.analyze()

    assert scene.naps == [5.0, 10.0, 20.0, 30.0, 30.0, 5.0]


async def test_what_moves_never_stalls_and_what_does_not_fails(scene: Scene) -> None:
    scene.analyser.standings = [*(processing(one % 99) for one in range(900)), DONE]
    await scene.analyze()
    assert sum(scene.naps) > 1800

    scene.analyser.standings = [processing(1)]
    with pytest.raises(BrokenError, match="stalled"):
        await scene.analyze()


async def test_why_it_failed_says_the_service(scene: Scene) -> None:
    scene.analyser.standings = [Standing(state="failed", phase="analyzing", reason="no sheet")]

    with pytest.raises(RefusedError, match="the analysis service: no sheet"):
        await scene.analyze()


async def test_torn_records_are_asked_for_again_and_leave_nothing(scene: Scene) -> None:
    scene.analyser.pieces = [[RECORD[:9], BrokenError("torn")], [RECORD[:9], RECORD[9:]]]

    done = await scene.analyze()

    assert isinstance(done, Analyzed)
    assert len(scene.blobs.path(done.records.blob).read_bytes().splitlines()) == 1
    assert list((scene.folder / "incoming").iterdir()) == []

    scene.analyser.pieces = [[b"\n\n"]]
    with pytest.raises(RefusedError, match="there are none"):
        await scene.analyze()


async def test_what_nobody_waits_for_is_let_go_and_what_is_not_heard_is_told_again(
    scene: Scene,
) -> None:
    scene.errands.answers = [TransientError("away"), True, False]

    with pytest.raises(RefusedError, match="nobody waits"):
        await scene.analyze()

    assert scene.noted == [("downloading", None), ("analyzing", "7")]


async def test_what_was_handed_in_is_analysed_and_nothing_is_fetched(scene: Scene) -> None:
    kept = {"blob": scene.blob, "size_bytes": len(BODY), "filename": "a.csv"}
    work = scene.work({"kept": kept}).model_copy(update={"url": None})
    no_web: Any = None
    fetcher = Fetcher(no_web, scene.analyst.store, Rules(1 << 20))
    courier = Courier(scene.errands, fetcher, 1, scene.analyst)  # type: ignore[arg-type]

    scene.errands.items = (work,)
    async with TaskGroup() as group:
        await courier.look(group)

    (told,) = scene.errands.delivered
    assert (told.outcome, told.is_analyzed, told.filename) == ("fetched", True, "a.csv")
    note = scene.blobs.find(told.blob or "", JOB)
    assert note is not None
    assert (note.source_type, note.source_url) == ("upload", None)
    assert scene.errands.asked[0].can_analyze
    assert [one for one, _ in scene.noted] == ["downloading", "analyzing", "complete"]
    scene.blobs.remove(scene.blob, JOB)
    async with TaskGroup() as group:
        await courier.look(group)
    assert (scene.errands.delivered[-1].outcome, scene.errands.delivered[-1].reason) == (
        "failed",
        HANDED_IN,
    )
