"""Uploads are jobs: one that is cancelled or fails leaves its source as it was."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.dead_letters import Resend
from services.discovery.domain.jobs import Job, JobRefusedError
from services.discovery.domain.ledger import Death
from services.discovery.handlers.forget import Rejected
from services.discovery.ports.jobs import JobFilter, Order, Wish
from shared.contracts.uploads import SourceUploaded, Upload
from tests.unit.discovery.file_world import CLOCK, CSV, World

MORE = CSV + b"Lise,third\n"
BAD = b"name\nnobody\n"
NO_COLUMN = "it has no column 'note'"


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with SqliteStateStore.open(tmp_path / "state") as store:
        yield World(tmp_path, store)


async def upload(world: World, content: bytes = CSV, name: str = "a.csv", **more: Any) -> Job:
    told = await world.upload(content, name, **more)
    assert isinstance(told, SourceUploaded), told
    assert told.job is not None
    return await job(world, told.job)


async def job(world: World, job_id: str) -> Job:
    found = await world.store.find_job(job_id)
    assert found is not None
    return found[0].job


async def cancel(world: World, one: Job) -> Job:
    done = await world.store.cancel_job("default", one.id, Wish(f"c-{one.id}", "me"))
    await world.uploads.follow()
    return done


async def fail(world: World, name: str = "a.csv") -> None:
    """Have it found that the file which is read of a source cannot be."""
    file = next(one for one in await world.store.uploads() if one.filename == name)
    await world.store.fail(file.stat(), NO_COLUMN, CLOCK.now())
    await world.uploads.follow()


async def states(world: World) -> dict[str, str]:
    listed = await world.store.list_jobs(JobFilter(limit=500))
    return {one.job.filename: one.job.state for one in listed}


async def test_a_job_has_a_file_read_and_ends_when_it_is_shown(world: World) -> None:
    one = await upload(world)
    assert (one.kind, one.state, one.phase, one.created_by) == (
        "upload", "running", "validating", "me",
    )  # fmt: skip
    world.is_slow = True
    await world.look()
    assert (await job(world, one.id)).version == 1

    await world.arrive()

    done = await job(world, one.id)
    assert (done.state, done.counts.seen, done.counts.done) == ("succeeded", 2, 2)
    actions = [one.action for one in await world.store.list_audit(JobFilter())]
    assert actions == ["end", "submit"]


async def test_three_run_at_a_time_and_the_first_come_is_the_first_served(world: World) -> None:
    for name in "abcde":
        await upload(world, name=f"{name}.csv")
    assert await states(world) == {
        "a.csv": "running", "b.csv": "running", "c.csv": "running",
        "d.csv": "queued", "e.csv": "queued",
    }  # fmt: skip
    assert list(await world.rows()) == ["a.csv", "b.csv", "c.csv"]

    await world.look(frozenset({"upload:default/b.csv"}))

    assert (await states(world))["d.csv"] == "running"
    assert (await states(world))["e.csv"] == "queued"


async def test_one_that_is_cancelled_before_its_turn_leaves_nothing(world: World) -> None:
    jobs = [await upload(world, CSV + name.encode(), f"{name}.csv") for name in "abcd"]

    await cancel(world, jobs[3])

    assert list(await world.rows()) == ["a.csv", "b.csv", "c.csv"]
    assert CSV + b"d" not in world.kept()
    assert (await upload(world, name="d.csv")).filename == "d.csv"


async def test_one_that_is_cancelled_before_it_was_looked_at_leaves_nothing(world: World) -> None:
    await cancel(world, await upload(world))

    assert await world.rows() == {}
    assert world.kept() == []
    assert await world.look() == []


async def test_one_that_is_cancelled_while_it_is_embedded_leaves_nothing(world: World) -> None:
    world.is_slow = True
    one = await upload(world)
    await world.look()

    assert (await cancel(world, one)).state == "cancelled"

    assert world.kept() == []
    await world.put_aside()
    await world.arrive()
    row = (await world.rows())["a.csv"]
    assert (row.status, row.seen, row.mapped, row.upload) == ("forgotten", 0, 0, None)
    assert await world.look() == []
    again = await upload(world)
    assert again.filename == "a.csv"
    await world.look()
    await world.arrive()
    assert (await job(world, again.id)).state == "succeeded"


async def test_once_it_is_to_be_shown_it_is_too_late(world: World) -> None:
    world.is_slow = True
    one = await upload(world)
    await world.look()
    (batch,) = world.coming
    await world.store.apply_committed([replace(batch, is_staged=True)], CLOCK.now())

    with pytest.raises(JobRefusedError, match="too late"):
        await cancel(world, one)


@pytest.mark.parametrize("when", ["placed", "begun", "staged"])
async def test_a_cancelled_replacement_leaves_the_old_content_and_its_rows(
    world: World, when: str
) -> None:
    await upload(world)
    await world.look()
    world.is_slow = True
    one = await upload(world, MORE, replace=True)
    assert world.kept() == sorted([CSV, MORE])
    if when != "placed":
        await world.look()
    if when == "staged":
        (batch,) = world.coming
        await world.store.record_batch("another", batch.source_id, 2, 1)
        await world.store.apply_committed([replace(batch, is_staged=True)], CLOCK.now())

    await cancel(world, one)
    await world.put_aside()
    await world.arrive()

    assert world.kept() == [CSV]
    world.is_slow = False
    assert await world.look() == []
    row = (await world.rows())["a.csv"]
    assert (row.status, row.seen, row.mapped, row.reason) == ("completed", 2, 2, None)
    assert row.upload is not None
    assert row.upload.size_bytes == len(CSV)


async def test_until_it_is_shown_the_old_content_is_that_of_the_source(world: World) -> None:
    await upload(world)
    await world.look()
    world.is_slow = True
    one = await upload(world, MORE, replace=True)
    await world.look()
    row = (await world.rows())["a.csv"]
    assert row.upload is not None
    assert row.upload.size_bytes == len(CSV)

    await world.arrive()

    assert (await job(world, one.id)).state == "succeeded"
    row = (await world.rows())["a.csv"]
    assert row.upload is not None
    assert (row.upload.size_bytes, row.mapped) == (len(MORE), 3)
    assert world.kept() == [MORE]


async def test_a_replacement_that_fails_leaves_the_old_content_and_is_tried_again(
    world: World,
) -> None:
    await upload(world)
    await world.look()
    one = await upload(world, MORE, replace=True)

    await fail(world)

    failed = await job(world, one.id)
    assert (failed.state, failed.reason) == ("failed", NO_COLUMN)
    assert await world.look() == ["SourceCompleted"]
    assert await world.look() == []
    row = (await world.rows())["a.csv"]
    assert (row.status, row.mapped, row.reason) == ("completed", 2, None)
    assert world.kept() == sorted([CSV, MORE])
    await world.store.retry_job("default", one.id, Wish("r", "me"))
    assert await world.look() == [
        "read a.csv: name: Ada, note: first; name: Grace, note: second; name: Lise, note: third"
    ]
    assert (await job(world, one.id)).state == "succeeded"
    assert world.kept() == [MORE]


async def test_one_that_fails_half_way_leaves_the_old_rows(world: World) -> None:
    await upload(world)
    await world.look()
    world.is_slow = True
    one = await upload(world, MORE, replace=True)
    await world.look()

    await fail(world)
    await world.put_aside()
    await world.arrive()
    world.is_slow = False

    assert (await job(world, one.id)).state == "failed"
    assert await world.look() == []
    row = (await world.rows())["a.csv"]
    assert (row.status, row.seen, row.mapped) == ("completed", 2, 2)


async def test_a_file_that_cannot_be_read_is_a_source_that_failed_and_is_tried_again(
    world: World,
) -> None:
    one = await upload(world)
    await fail(world)
    row = (await world.rows())["a.csv"]
    assert (row.status, row.reason) == ("failed", NO_COLUMN)
    assert world.kept() == [CSV]

    await world.store.retry_job("default", one.id, Wish("r", "me"))
    assert (await job(world, one.id)).state == "running"
    await cancel(world, one)

    assert await world.rows() == {}
    assert world.kept() == []


async def test_what_is_kept_no_more_is_not_tried_again(world: World) -> None:
    await upload(world)
    await world.look()
    one = await upload(world, MORE, replace=True)
    await fail(world)
    assert (await job(world, one.id)).can_retry
    await upload(world, BAD, replace=True)
    await world.look()

    assert not (await job(world, one.id)).can_retry
    with pytest.raises(JobRefusedError, match="upload it again"):
        await world.store.retry_job("default", one.id, Wish("r", "me"))
    assert world.kept() == [BAD]


async def test_a_second_replacement_waits_for_nobody_and_is_refused(world: World) -> None:
    one = await upload(world)
    same = await upload(world, replace=True)
    other = await world.upload(MORE, replace=True)

    assert same.id == one.id
    assert isinstance(other, Rejected)
    assert one.id in other.reason
    assert world.kept() == [CSV]


async def again(world: World, content: bytes, job_id: str) -> SourceUploaded | Rejected:
    """Have the command of an upload delivered again, as after a crash."""
    wish = Upload(filename="a.csv", blob=sha256(content).hexdigest(), job_id=job_id, replace=True)
    return await world.uploads.admit("default", wish, Wish(job_id, "me", job_id))


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_the_command_of_one_whose_bytes_have_gone_gets_the_same_answer(
    world: World, *, is_cancelled: bool
) -> None:
    first = await world.upload(job_id="c0ffee00")
    if is_cancelled:
        await cancel(world, await job(world, "c0ffee00"))
    else:
        await world.look()
        await upload(world, MORE, replace=True)
        await world.look()
    assert world.kept() == ([] if is_cancelled else [MORE])

    second = await again(world, CSV, "c0ffee00")

    assert isinstance(first, SourceUploaded)
    assert isinstance(second, SourceUploaded)
    assert (second.id, second.job, second.filename) == (first.id, "c0ffee00", "a.csv")
    assert second.size_bytes == len(CSV)


async def test_what_was_refused_and_comes_again_keeps_its_bytes_once_it_is_taken(
    world: World,
) -> None:
    """The process died between the refusal and the removal of its bytes."""
    one = await upload(world)
    keeps, world.uploads.follow = world.uploads.follow, _nothing
    assert isinstance(await world.upload(MORE, job_id="c0ffee00", replace=True), Rejected)
    await world.store.cancel_job("default", one.id, Wish("c", "me"))

    assert isinstance(await again(world, MORE, "c0ffee00"), SourceUploaded)
    world.uploads.follow = keeps
    await world.uploads.follow()

    assert world.kept() == [MORE]


async def _nothing() -> None:
    """Nobody follows."""


async def test_other_columns_of_the_same_bytes_are_read_anew(world: World) -> None:
    await upload(world)
    await world.look()

    await upload(world, replace=True, text_columns=("note",))

    assert await world.look() == ["read a.csv: first; second"]


async def test_a_source_has_one_job(world: World) -> None:
    one = await upload(world)
    await world.look()
    wanted = Order(collection="default", kind="re-embed", sources=["a.csv"])
    (anew,) = await world.store.submit_jobs(wanted, Wish("s", "me"))
    assert anew.job is not None

    refused = await world.upload(MORE, replace=True)

    assert isinstance(refused, Rejected)
    assert anew.job.id in refused.reason
    assert anew.job.id != one.id
    assert world.kept() == [CSV]


async def test_a_replacement_waits_until_what_is_replayed_has_come(world: World) -> None:
    await upload(world)
    world.is_slow = True
    await world.look()
    (batch,) = world.coming
    death = Death("k", batch.source_id, 1, batch.batch_id, 1)
    await world.store.apply_deaths([death], CLOCK.now())
    world.coming = [replace(batch, records=1)]
    await world.arrive()
    again = Resend("default", "again", 1, "embedding", "m", b"")
    await world.store.replay(death, [again], "command")
    one = await upload(world, MORE, replace=True)

    assert await world.look() == []
    (read,) = await world.store.uploads()
    assert (read.size, (await job(world, one.id)).state) == (len(CSV), "running")
    await world.commit(replace(batch, batch_id="again", records=1))

    assert len(await world.look()) == 1
    assert (await job(world, one.id)).version == 2


async def test_a_source_that_is_deleted_takes_what_comes_for_it_along(world: World) -> None:
    await upload(world)
    await world.look()
    one = await upload(world, MORE, replace=True)

    await world.remove("a.csv")

    assert (await job(world, one.id)).state == "cancelled"
    assert world.kept() == []


async def test_after_a_restart_all_of_it_goes_on(world: World) -> None:
    await upload(world)
    await world.look()
    world.is_slow = True
    one = await upload(world, MORE, replace=True)
    later = World(world.folder, world.store)
    await later.uploads.load()

    assert len(await later.look()) == 1
    assert (await job(later, one.id)).state == "succeeded"
    assert later.kept() == [MORE]


async def test_what_is_held_back_keeps_both_contents_until_it_is_shown_after_all(
    world: World,
) -> None:
    world.max_dead_share = 0.5
    await upload(world)
    await world.look()
    world.is_slow = True
    one = await upload(world, MORE, replace=True)
    await world.look()
    (batch,) = world.coming
    deaths = [Death(f"k{n}", batch.source_id, 2, batch.batch_id, 1) for n in range(2)]
    staged = replace(batch, records=1, is_staged=True)
    await world.store.apply_committed([staged], CLOCK.now())
    await world.store.apply_deaths(deaths, CLOCK.now())
    await world.uploads.follow()
    assert (await job(world, one.id)).state == "failed"
    assert world.kept() == sorted([CSV, MORE])

    ended = await world.store.drop(deaths[0], "command", CLOCK.now())
    await world.store.apply_committed([replace(batch, records=1)], CLOCK.now())
    await world.settle_all(ended)
    await world.uploads.follow()

    row = (await world.rows())["a.csv"]
    assert row.upload is not None
    assert (row.status, row.upload.size_bytes) == ("completed", len(MORE))
    assert world.kept() == [MORE]
