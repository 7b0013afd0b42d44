"""What couriers are told to fetch, and what becomes of what they bring, with the real ledger."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.fetches import FetchOrder, name_by_url
from services.discovery.domain.jobs import Job
from services.discovery.handlers.analysers import AWAY_S
from services.discovery.handlers.fetches import NOBODY_S, Fetches
from services.discovery.ports.jobs import JobFilter, Submitted, Wish
from shared.clock import SystemClock
from shared.contracts.fetching import DeliverFetch, FetchProgress, FetchWork, TakeFetches
from tests.blobs import put
from tests.unit.discovery.file_world import CSV, QUOTA, World

URL = "https://example.org/people.csv"
ONE, TWO = "1" * 32, "2" * 32
MB = 1 << 20
MORE = CSV + b"Lise,third\n"


@dataclass
class MovedClock:
    """The time, moved on by hand."""

    passed_s: float = 0.0
    began: datetime = field(default_factory=SystemClock().now)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s


@dataclass
class Scene:
    """Discovery, and couriers that do what a test says."""

    world: World
    clock: MovedClock
    fetches: Fetches
    wishes: int = 0

    @property
    def store(self) -> SqliteStateStore:
        return self.world.store

    async def submit(self, *urls: str, key: str = "", **fields: Any) -> list[Submitted]:
        self.wishes += 1
        order = FetchOrder(collection="default", urls=urls or (URL,), **fields)
        return await self.store.submit_fetches(order, Wish(key or f"{self.wishes}@t", "me"))

    async def begin(self, url: str = URL, **fields: Any) -> str:
        (done,) = await self.submit(url, **fields)
        assert done.job is not None, done.reason
        return done.job.id

    async def take(self, courier: str = ONE, room: int = 9, *held: str) -> list[FetchWork]:
        asked = TakeFetches(courier=courier, holding=held, room=room)
        return list((await self.fetches.take(asked)).items)

    async def work(self, job: str) -> FetchWork:
        return next(one for one in await self.take() if one.job == job)

    async def bring(
        self, job: str, content: bytes = CSV, filename: str = "people.csv", **fields: Any
    ) -> bool:
        """Bring bytes as a courier does: they are kept, then it is told."""
        work = await self.work(job)
        blob = put(self.world.blobs, content, job, original_filename=filename)
        told = DeliverFetch(
            job=job,
            attempt=work.attempt,
            outcome="fetched",
            blob=blob,
            filename=filename,
            **{"etag": f'"{len(content)}"'} | fields,
        )
        return (await self.fetches.deliver(told)).is_taken

    async def end(self, job: str, outcome: str, **fields: Any) -> bool:
        work = await self.work(job)
        told = {"job": job, "attempt": work.attempt, "outcome": outcome, **fields}
        return (await self.fetches.deliver(DeliverFetch.model_validate(told))).is_taken

    async def job(self, job: str) -> Job:
        found = await self.store.find_job(job)
        assert found is not None
        return found[0].job

    async def fetched(self, content: bytes = CSV, url: str = URL, **fields: Any) -> Job:
        """Fetch a file to its end."""
        job = await self.begin(url)
        assert await self.bring(job, content, **fields)
        await self.world.look()
        return await self.job(job)


@pytest.fixture
async def scene(tmp_path: Path) -> Any:
    clock = MovedClock()
    async with SqliteStateStore.open(tmp_path / "state", clock) as store:
        world = World(tmp_path, store)
        yield Scene(world, clock, Fetches(store, store, world.uploads, clock))


async def test_what_is_fetched_is_read_as_a_source_which_its_job_follows(scene: Scene) -> None:
    job = await scene.begin(text_columns=("note",))
    (work,) = await scene.take()
    assert (work.url, work.filename, work.etag, work.by) == (URL, None, None, "me")
    assert (await scene.job(job)).phase == "acquiring"

    assert await scene.bring(job, filename="said.csv")

    assert (await scene.job(job)).phase == "validating"
    assert await scene.take() == []
    assert await scene.world.look() == ["read said.csv: first; second"]
    done = await scene.job(job)
    assert (done.state, done.filename, done.version) == ("succeeded", "said.csv", 1)
    row = (await scene.world.rows())["said.csv"]
    assert (row.kind, row.upload and row.upload.url) == ("url", URL)


async def test_what_has_not_changed_is_nothing_new(scene: Scene) -> None:
    await scene.fetched()
    job = await scene.begin()
    work = await scene.work(job)
    assert (work.etag, work.filename) == (f'"{len(CSV)}"', "people.csv")

    assert await scene.end(job, "unchanged", etag=work.etag)

    done = await scene.job(job)
    assert (done.state, done.version) == ("succeeded", None)
    assert "nothing is new" in (done.reason or "")
    assert await scene.world.look() == []


async def test_the_same_bytes_under_another_tag_are_nothing_new(scene: Scene) -> None:
    await scene.fetched()
    job = await scene.begin()

    assert await scene.bring(job, etag='"another"')

    assert (await scene.job(job)).state == "succeeded"
    assert await scene.world.look() == []
    assert scene.world.kept() == [CSV]
    again = await scene.begin()
    assert (await scene.work(again)).etag == '"another"'


async def test_another_content_is_the_next_version_of_the_same_source(scene: Scene) -> None:
    await scene.fetched(filename="said.csv")

    done = await scene.fetched(MORE, filename="said otherwise.csv")

    assert (done.state, done.filename, done.version) == ("succeeded", "said.csv", 2)
    assert (await scene.world.rows())["said.csv"].mapped == 3
    assert scene.world.kept() == [MORE]


async def test_told_again_it_is_what_it_was(scene: Scene) -> None:
    job = await scene.begin()
    blob = put(scene.world.blobs, CSV, job)
    told = DeliverFetch(job=job, attempt=0, outcome="fetched", blob=blob, filename="a.csv")

    taken = [(await scene.fetches.deliver(told)).is_taken for _ in range(2)]
    await scene.world.look()
    taken.append((await scene.fetches.deliver(told)).is_taken)

    assert taken == [True, True, True]
    assert scene.world.kept() == [CSV]
    assert list(await scene.world.rows()) == ["a.csv"]
    actions = [one.action for one in await scene.store.list_audit(JobFilter())]
    assert actions == ["end", "submit"]


async def test_how_many_bytes_have_come_is_told_in_steps_that_never_go_back(scene: Scene) -> None:
    job = await scene.begin()
    await scene.take(ONE, 9)
    begun = (await scene.job(job)).revision
    seen = []
    for received, total in (
        (0, MB * 9),
        (10, MB * 9),
        (MB * 3, MB * 9),
        (7, MB * 8),
        (MB * 8, None),
    ):
        progress = FetchProgress(job=job, attempt=0, received_bytes=received, total_bytes=total)
        asked = TakeFetches(courier=ONE, holding=(job,), room=9, progress=(progress,))
        await scene.fetches.take(asked)
        await scene.fetches.take(asked.model_copy(update={"courier": TWO}))
        one = await scene.job(job)
        seen.append((one.received, one.total, one.revision - begun))

    assert seen == [
        (0, MB * 9, 1), (0, MB * 9, 1), (MB * 3, MB * 9, 2), (MB * 3, MB * 8, 3),
        (MB * 8, MB * 8, 4),
    ]  # fmt: skip
    await scene.bring(job)
    assert (await scene.job(job)).total == len(CSV)
    news = [one.job for one in await scene.store.job_news(99) if one.job.id == job]
    assert [one.revision for one in news] == [*range(1, news[-1].revision + 1)]
    assert len((await scene.store.find_job(job) or ((), ()))[1]) == 3  # no line for each step


async def test_a_cancelled_job_is_given_to_nobody_and_takes_nothing(scene: Scene) -> None:
    job = await scene.begin()
    assert len(await scene.take()) == 1
    await scene.store.cancel_job("default", job, Wish("c@t", "me"))

    assert await scene.take(ONE, 9, job) == []
    blob = put(scene.world.blobs, CSV, job)
    told = DeliverFetch(job=job, attempt=0, outcome="fetched", blob=blob, filename="a.csv")
    assert not (await scene.fetches.deliver(told)).is_taken
    assert await scene.world.rows() == {}


async def test_cancelled_with_its_bytes_there_the_source_is_what_it_was(scene: Scene) -> None:
    await scene.fetched()
    job = await scene.begin()
    await scene.bring(job, MORE)
    scene.world.is_slow = True
    assert len(await scene.world.look()) == 1

    await scene.store.cancel_job("default", job, Wish("c@t", "me"))
    await scene.world.put_aside()
    scene.world.is_slow = False

    assert await scene.world.look() == []
    assert scene.world.kept() == [CSV]
    row = (await scene.world.rows())["people.csv"]
    assert (row.kind, row.status, row.mapped) == ("url", "completed", 2)
    assert (await scene.work(await scene.begin())).etag == f'"{len(CSV)}"'


async def test_a_failed_one_is_fetched_again_and_what_came_of_the_first_try_is_no_answer(
    scene: Scene,
) -> None:
    job = await scene.begin()
    assert await scene.end(job, "failed", reason="it broke off")
    failed = await scene.job(job)
    assert (failed.state, failed.reason, failed.can_retry) == ("failed", "it broke off", True)
    await scene.store.retry_job("default", job, Wish("r@t", "me"))

    old = DeliverFetch(job=job, attempt=0, outcome="failed", reason="late")
    assert not (await scene.fetches.deliver(old)).is_taken
    assert (await scene.work(job)).attempt == 1
    assert await scene.bring(job)


async def test_a_retry_with_its_bytes_fetches_nothing(scene: Scene) -> None:
    """Its file could not be read; whoever mends that needs no other one."""
    job = await scene.begin(context_columns=("year",))
    await scene.bring(job)
    with pytest.raises(Exception, match="no column 'year'"):
        await scene.world.look()
    file = (await scene.store.uploads())[0]
    await scene.store.fail(file.stat(), "it has no column 'year'", scene.clock.now())
    assert (await scene.job(job)).state == "failed"

    await scene.store.retry_job("default", job, Wish("r@t", "me"))

    assert await scene.take() == []
    assert (await scene.job(job)).phase == "validating"


async def test_three_of_a_collection_are_fetched_at_a_time(scene: Scene) -> None:
    done = await scene.submit(*(f"https://example.org/{one}.csv" for one in range(5)))

    assert len(await scene.take()) == 3
    first = done[0].job
    assert first is not None
    await scene.end(first.id, "failed", reason="gone")
    assert len(await scene.take()) == 3


async def test_a_job_is_one_couriers_until_that_is_gone(scene: Scene) -> None:
    job = await scene.begin()
    assert [one.job for one in await scene.take(ONE, 9)] == [job]
    assert await scene.take(TWO, 9) == []

    scene.clock.passed_s += AWAY_S + 1

    assert [one.job for one in await scene.take(TWO, 9)] == [job]
    assert await scene.take(ONE, 9, job) == []


async def test_who_holds_a_job_goes_on_after_discovery_was_started_again(scene: Scene) -> None:
    job = await scene.begin()
    await scene.take(ONE, 9)
    scene.fetches = Fetches(scene.store, scene.store, scene.world.uploads, scene.clock)

    assert [one.job for one in await scene.take(ONE, 0, job)] == [job]
    assert await scene.take(TWO, 9) == []


async def test_who_has_no_room_is_given_nothing(scene: Scene) -> None:
    await scene.submit("https://example.org/a.csv", "https://example.org/b.csv")

    assert [len(await scene.take(ONE, 0)), len(await scene.take(ONE, 1))] == [0, 1]


async def test_a_job_that_ends_couriers_fails(scene: Scene) -> None:
    job = await scene.begin()
    for number in range(10):
        assert len(await scene.take(f"{number:032x}", 1)) == 1
        scene.clock.passed_s += AWAY_S + 1

    assert await scene.take(ONE, 1) == []
    assert "10 couriers have ended" in ((await scene.job(job)).reason or "")


async def test_a_job_for_which_no_courier_comes_fails(scene: Scene) -> None:
    job = await scene.begin()
    await scene.fetches.give_up()
    assert (await scene.job(job)).state == "running"

    scene.clock.passed_s += NOBODY_S + 1
    await scene.fetches.give_up()

    done = await scene.job(job)
    assert (done.state, done.can_retry) == ("failed", True)
    assert "no courier has asked" in (done.reason or "")


async def test_where_the_bytes_are_in_another_folder_the_job_says_so(scene: Scene) -> None:
    job = await scene.begin()
    told = DeliverFetch(job=job, attempt=0, outcome="fetched", blob="a" * 64, filename="a.csv")

    assert (await scene.fetches.deliver(told)).is_taken

    assert "another blobs.folder" in ((await scene.job(job)).reason or "")


async def test_beyond_the_quota_a_job_fails_and_nothing_stays(scene: Scene) -> None:
    job = await scene.begin()

    await scene.bring(job, b"a,b\n" * (QUOTA // 2))
    reason = (await scene.job(job)).reason or ""

    assert "blobs.quota_mb" in reason
    assert scene.world.kept() == []


async def test_a_url_that_is_being_fetched_is_not_fetched_twice(scene: Scene) -> None:
    job = await scene.begin()

    (again,) = await scene.submit(URL)

    assert again.job is None
    assert job in (again.reason or "")


async def test_the_same_command_again_is_the_same_jobs(scene: Scene) -> None:
    first = await scene.submit(key="k")
    second = await scene.submit(key="k")

    assert first[0].job
    assert second[0].job
    assert first[0].job.id == second[0].job.id


async def test_equal_names_are_numbered(scene: Scene) -> None:
    jobs = [await scene.begin(f"https://{one}.example/people.csv") for one in "abc"]
    for number, job in enumerate(jobs):
        await scene.bring(job, CSV + b"x,y\n" * number)
        await scene.world.look()

    names = [(await scene.job(one)).filename for one in jobs]
    assert names == ["people.csv", "people (2).csv", "people (3).csv"]


async def test_an_upload_in_its_place_is_not_what_was_fetched(scene: Scene) -> None:
    await scene.fetched()
    await scene.world.upload(MORE, "people.csv", replace=True)
    await scene.world.look()

    job = await scene.begin()
    work = await scene.work(job)
    assert (work.etag, work.filename) == (None, None)
    await scene.bring(job)
    await scene.world.look()

    assert (await scene.job(job)).filename == "people (2).csv"


async def test_one_that_was_taken_off_the_map_is_fetched_anew(scene: Scene) -> None:
    await scene.fetched()
    await scene.world.remove("people.csv")

    job = await scene.begin()
    assert (await scene.work(job)).etag is None
    assert await scene.bring(job)
    await scene.world.look()

    done = await scene.job(job)
    assert (done.state, done.filename) == ("succeeded", "people.csv")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, "people.csv"),
        ("https://example.org/a%20b.csv?x=/c.csv#d", "a b.csv"),
        ("https://example.org/", "example.org"),
        ("https://example.org/..%2F..%2Fpasswd", "passwd"),
        ("https://example.org/a%E2%80%AEb%00.csv", "ab.csv"),
        ("https://example.org/%2e%2e", "example.org"),
    ],
)
def test_until_its_server_has_said_so_a_file_is_called_as_its_url_ends(
    url: str, name: str
) -> None:
    assert name_by_url(url) == name
