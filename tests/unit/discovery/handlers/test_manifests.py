"""Manifests in the real ledger: applied, told, and followed."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.fetches import MOST_TAKES, FetchOrder
from services.discovery.handlers.fetches import NOBODY_S, Fetches
from services.discovery.handlers.manifests import ManifestBook
from services.discovery.ports.jobs import JobFilter, Wish
from shared.contracts.collections import CollectionRecord
from shared.contracts.fetching import DeliverFetch, FetchWork, TakeFetches
from shared.contracts.manifests import (
    ChangeManifest,
    ListManifests,
    ManifestChanged,
    ManifestItem,
    ManifestRecord,
)
from tests.blobs import put
from tests.builders import NOW
from tests.unit.discovery.file_world import CSV, World
from tests.unit.discovery.handlers.test_schedules import JumpingClock

URL = "https://example.org/list.csv"
HOUR = timedelta(hours=1)
ADA, GRACE = "https://example.org/a.csv", "https://example.org/g.csv"


def listed(*rows: str) -> str:
    return "\n".join(("name,url,active", *rows))


BOTH = listed(f"Ada,{ADA},yes", f"Grace,{GRACE},")


@dataclass
class Scene:
    """Discovery, as far as manifests go, and a courier that brings what it is told."""

    store: SqliteStateStore
    clock: JumpingClock
    book: ManifestBook
    world: World
    fetches: Fetches
    brought: dict[str, bytes] = field(default_factory=dict)

    async def change(self, action: str, **fields: Any) -> ManifestChanged:
        wish = {"action": action, "by": "anna", **fields}
        return await self.book.change(ChangeManifest.model_validate(wish))

    async def apply(self, text: str, **fields: Any) -> ManifestRecord:
        done = await self.change(
            "apply", collection="default", name="list.csv", content=text, **fields
        )
        assert done.manifest is not None, done
        return done.manifest

    async def one(self) -> ManifestRecord:
        (found,) = (await self.book.tell(ListManifests())).items
        return found

    async def items(self) -> dict[str, ManifestItem]:
        asked = ListManifests(manifest=(await self.one()).id)
        return {one.name: one for one in (await self.book.tell(asked)).listed or ()}

    async def outcomes(self) -> dict[str, str]:
        return {name: one.outcome for name, one in (await self.items()).items()}

    async def works(self) -> list[FetchWork]:
        return list((await self.fetches.take(TakeFetches(courier="0" * 8, room=9))).items)

    async def deliver(self, work: FetchWork, **fields: Any) -> bool:
        told = {"job": work.job, "attempt": work.attempt, "is_manifest": work.is_manifest}
        return (await self.fetches.deliver(DeliverFetch.model_validate(told | fields))).is_taken

    async def fetch_all(self) -> list[str]:
        """Have all files fetched that are wanted; returns their URLs."""
        urls = []
        while works := await self.works():
            for work in works:
                content = self.brought.get(work.url or "", CSV)
                blob = put(self.world.blobs, content, work.job, original_filename="a.csv")
                name = work.filename or "a.csv"
                assert await self.deliver(work, outcome="fetched", blob=blob, filename=name)
                urls.append(work.url or "")
            await self.world.look()
        return urls

    async def sources(self) -> dict[str, str | None]:
        rows = await self.world.rows()
        return {name: one.upload.url if one.upload else None for name, one in rows.items()}

    async def audit(self) -> list[tuple[str, str, str, str]]:
        found = await self.store.list_audit(JobFilter(limit=100))
        return [
            (one.action, one.filename, one.who, one.outcome)
            for one in found
            if one.kind == "manifest"
        ]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = JumpingClock()

    async def is_served(collection: str) -> bool:
        return collection == "default"

    async with SqliteStateStore.open(tmp_path / "state", clock) as store:
        record = CollectionRecord(id="1", name="default", title="D", revision=1, created_at=NOW)
        await store.add_collections([record])
        world = World(tmp_path, store)
        await world.uploads.load()
        book = ManifestBook(store, clock, is_served)
        yield Scene(store, clock, book, world, Fetches(store, store, world.uploads, clock, book))


async def test_what_is_listed_becomes_sources_and_the_same_list_adds_none(scene: Scene) -> None:
    made = await scene.apply(BOTH)
    assert (made.runs[0].state, made.ran, made.every_hours) == ("applied", 1, 8)
    assert await scene.outcomes() == {"Ada": "added", "Grace": "added"}
    assert sorted(await scene.fetch_all()) == [ADA, GRACE]
    sources = await scene.sources()
    assert sources == {"Ada.csv": ADA, "Grace.csv": GRACE}

    again = await scene.apply(BOTH)
    await scene.fetch_all()

    assert again.id == made.id
    assert await scene.outcomes() == {"Ada": "asked", "Grace": "asked"}
    assert await scene.sources() == sources
    jobs = await scene.store.list_jobs(JobFilter(limit=100))
    assert [one.job.source_id for one in jobs[:2]] == [one.job.source_id for one in jobs[2:]]


async def test_one_bad_row_stops_no_other(scene: Scene) -> None:
    rows = (
        "Ada,ftp://example.org/a,",
        f"Grace,{GRACE},",
        f"grace,{ADA},",
        f"Lise,{GRACE},",
        f"Ada,{ADA},perhaps",
    )
    done = await scene.apply(listed(*rows))
    told = await scene.book.tell(ListManifests(manifest=done.id))

    assert done.runs[0].counts is not None
    assert (done.runs[0].counts.bad, done.runs[0].counts.added) == (4, 1)
    reasons = {one.row: one.reason or "" for one in told.listed or ()}
    assert "only http and https" in reasons[1]
    assert (reasons[3], reasons[4]) == (
        "row 2 lists 'grace' already",
        "row 2 lists this URL already",
    )
    assert reasons[5].startswith("active: ")


async def test_what_is_listed_no_longer_stays_and_is_noted_once(scene: Scene) -> None:
    await scene.apply(BOTH)
    await scene.fetch_all()
    for _ in range(2):
        await scene.apply(listed(f"Grace,{GRACE},no"))

    assert await scene.fetch_all() == []
    assert await scene.outcomes() == {"Grace": "inactive", "Ada": "unlisted"}
    assert set(await scene.sources()) == {"Ada.csv", "Grace.csv"}
    noted = [name for action, name, *_ in await scene.audit() if action == "change"]
    assert sorted(noted) == ["Ada.csv", "Grace.csv", "list.csv"]


async def test_a_source_moves_with_its_url(scene: Scene) -> None:
    await scene.apply(listed(f"Ada,{ADA},"))
    await scene.fetch_all()
    moved = "https://example.org/elsewhere.csv"
    scene.brought[moved] = b"name,note\nAda,third\n"

    await scene.apply(listed(f"Ada,{moved},"))
    assert await scene.outcomes() == {"Ada": "changed"}
    assert await scene.fetch_all() == [moved]

    assert await scene.sources() == {"Ada.csv": moved}
    await scene.apply(listed(f"Ada,{moved},"))
    assert await scene.outcomes() == {"Ada": "asked"}


async def test_what_was_fetched_before_is_the_same_source(scene: Scene) -> None:
    order = FetchOrder(collection="default", urls=(ADA,), filename="by hand.csv")
    await scene.store.submit_fetches(order, Wish("by-hand", "anna"))
    await scene.fetch_all()

    await scene.apply(listed(f"Ada,{ADA},"))
    await scene.fetch_all()

    assert await scene.sources() == {"by hand.csv": ADA}
    assert (await scene.items())["Ada"].filename == "by hand.csv"


async def test_where_its_name_is_taken_it_is_the_same_source_each_time(scene: Scene) -> None:
    await scene.world.upload(b"name,note\nLise,uploaded\n", "Ada.csv")
    await scene.world.look()
    for _ in range(3):
        await scene.apply(listed(f"Ada,{ADA},"))
        await scene.fetch_all()

    assert await scene.sources() == {"Ada.csv": None, "Ada (2).csv": ADA}


async def test_one_that_has_a_job_waits_for_the_next_time(scene: Scene) -> None:
    await scene.apply(listed(f"Ada,{ADA},"))
    moved = "https://example.org/elsewhere.csv"
    await scene.apply(listed(f"Ada,{ADA},"))
    assert await scene.outcomes() == {"Ada": "busy"}
    await scene.fetch_all()
    await scene.apply(listed(f"Ada,{ADA},"))
    await scene.apply(listed(f"Ada,{moved},"))  # before that is fetched

    (ada,) = (await scene.items()).values()
    assert (ada.outcome, ada.url) == ("busy", ADA)
    await scene.fetch_all()
    await scene.apply(listed(f"Ada,{moved},"))
    assert await scene.outcomes() == {"Ada": "changed"}


async def test_a_list_behind_a_url_is_fetched_and_a_second_run_has_to_wait(scene: Scene) -> None:
    done = await scene.change("apply", collection="default", url=URL, every_hours=2)
    assert done.manifest is not None
    (work,) = await scene.works()
    assert (work.url, work.is_manifest, work.by) == (URL, True, f"manifest:{done.manifest.id}")
    ran = await scene.change("run", manifest=done.manifest.id)
    scene.clock.at += 2 * HOUR
    await scene.book.follow()

    assert (ran.outcome, (await scene.one()).overlapped) == ("running", 1)
    assert await scene.deliver(work, outcome="fetched", content=BOTH)
    assert not await scene.deliver(work, outcome="fetched", content=BOTH)
    assert (await scene.one()).runs[1].state == "applied"
    assert len(await scene.works()) == 2
    assert (await scene.one()).succeeded_at == scene.clock.at


@pytest.mark.parametrize("content", [None, "<html>", "name,url\n"])
async def test_from_what_is_no_list_nothing_follows(scene: Scene, content: str | None) -> None:
    await scene.apply(BOTH)
    known = await scene.items()
    await scene.change("apply", collection="default", name="list.csv", url=URL)
    (work,) = [one for one in await scene.works() if one.is_manifest]

    told = {"outcome": "failed", "reason": "away"} if content is None else {"outcome": "fetched"}
    assert await scene.deliver(work, **told, **({"content": content} if content else {}))

    run = (await scene.one()).runs[0]
    assert (run.state, bool(run.reason)) == ("failed", True)
    assert await scene.items() == known
    assert ("end", "list.csv", "anna", "failed") in await scene.audit()


async def test_slots_are_run_missed_or_overlapped(scene: Scene) -> None:
    await scene.apply(BOTH, every_hours=2)
    scene.clock.at += 7 * HOUR
    await scene.book.follow()
    one = await scene.one()
    assert (one.ran, one.missed, one.overlapped) == (2, 2, 0)
    assert [run.outcome for run in one.runs] == ["ran", "missed", "ran"]
    assert scene.book.stale == {"default": 0}

    paused = await scene.change("change", manifest=one.id, is_paused=True)
    scene.clock.at += 20 * HOUR
    await scene.book.follow()
    assert paused.manifest is not None
    assert (await scene.one()).missed == 12
    resumed = await scene.change("change", manifest=one.id, is_paused=False, every_hours=3)
    assert resumed.manifest is not None
    assert resumed.manifest.next_at == scene.clock.at + 3 * HOUR
    assert resumed.manifest.is_stale


async def test_ten_runs_by_hand_in_a_minute_are_enough(scene: Scene) -> None:
    one = await scene.apply(BOTH)
    done = [(await scene.change("run", manifest=one.id)).outcome for _ in range(11)]

    assert done == ["done"] * 10 + ["too often"]
    assert (
        await scene.change("apply", collection="default", name="list.csv", content=BOTH)
    ).outcome == "too often"
    scene.clock.at += timedelta(minutes=1)
    assert (await scene.change("run", manifest=one.id)).outcome == "done"


async def test_a_list_that_no_courier_brings_is_given_up(scene: Scene) -> None:
    await scene.change("apply", collection="default", url=URL)
    await scene.book.give_up(NOBODY_S)
    assert (await scene.one()).runs[0].state == "running"
    scene.clock.at += timedelta(seconds=NOBODY_S)
    await scene.book.give_up(NOBODY_S)
    assert "no courier has asked" in ((await scene.one()).runs[0].reason or "")

    await scene.change("run", manifest=(await scene.one()).id)
    for _ in range(MOST_TAKES + 1):
        again = Fetches(scene.store, scene.store, scene.world.uploads, scene.clock, scene.book)
        await again.take(TakeFetches(courier="0" * 8, room=1))
    assert "couriers have ended" in ((await scene.one()).runs[0].reason or "")


async def test_what_is_removed_leaves_its_sources(scene: Scene) -> None:
    one = await scene.apply(BOTH)
    await scene.fetch_all()
    gone = [(await scene.change("remove", manifest=one.id)).outcome for _ in range(2)]

    assert gone == ["done", "unknown"]
    assert (await scene.book.tell(ListManifests())).items == ()
    assert len(await scene.sources()) == 2
    assert [action for action, *_ in await scene.audit()] == ["remove", "end", "add"]


async def test_nobody_may_list_for_a_collection_that_is_not_served(scene: Scene) -> None:
    done = await scene.change("apply", collection="other", url=URL)
    assert (done.outcome, "nobody serves" in (done.reason or "")) == ("unknown", True)


async def test_a_json_list_has_columns_and_hours_of_its_own(scene: Scene) -> None:
    entry = {"name": "Ada", "url": ADA, "every_hours": 9, "text_columns": ["note"], "odd": 1}
    one = await scene.apply(json.dumps({"sources": [entry]}))
    (errand,) = await scene.store.errands()
    await scene.fetch_all()
    scene.clock.at += 8 * HOUR
    await scene.book.follow()

    assert errand.text_columns == ("note",)
    assert one.runs[0].reason == "these columns mean nothing here: odd"
    assert await scene.outcomes() == {"Ada": "not due"}
