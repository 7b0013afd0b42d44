"""Manifests: told, changed by who may, their lists had and read, and applied."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import structlog
from pydantic import ValidationError

from services.discovery.domain.fetches import MOST_TAKES, NOBODY, TOO_OFTEN
from services.discovery.domain.lists import ListError, Row, read_list
from services.discovery.domain.manifests import BadEntry, Entry, Item, Listing, Manifest, key_of
from services.discovery.domain.preferences import Chosen
from services.discovery.ports.manifests import Application, ManifestRun, ManifestStore
from services.discovery.ports.schedules import NotRun
from shared.clock import Clock
from shared.contracts import manifests as told
from shared.contracts.fetching import DeliverFetch, FetchDelivered, FetchWork
from shared.contracts.manifests import (
    DEFAULT_HOURS,
    ChangeManifest,
    ListManifests,
    ManifestChanged,
    ManifestEntry,
    ManifestItem,
    ManifestPage,
    ManifestRecord,
)

UNKNOWN = "there is no manifest '{}'; mapstream manifests list shows them"
LISTED_TWICE = "row {} lists {} already"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ManifestBook:
    """Answers which manifests there are, changes them, and has them applied."""

    store: ManifestStore
    clock: Clock
    is_served: Callable[[str], Awaitable[bool]]
    stale: dict[str, int] = field(default_factory=dict)
    """Of each collection with manifests, how many were not applied for too long."""

    async def tell(self, asked: ListManifests) -> ManifestPage:
        """Answer with the manifests, of one with all that it lists.

        Raises:
            TransientError: The ledger could not be read.
        """
        found = await self.store.manifests(asked.collection, asked.manifest)
        listed = None
        if asked.manifest is not None and found:
            listed = tuple(_item(one) for one in await self.store.manifest_items(asked.manifest))
        records = tuple(self._record(one.manifest, one.runs) for one in found)
        return ManifestPage(items=records, listed=listed)

    async def change(self, asked: ChangeManifest) -> ManifestChanged:
        """Do with a manifest what is asked for.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        manifest_id = asked.manifest or ""
        done: Manifest | NotRun | None
        if asked.action == "apply":
            if not await self.is_served(asked.collection or ""):
                reason = f"nobody serves collection '{asked.collection}': make it first"
                return ManifestChanged(outcome="unknown", reason=reason)
            done = await self.store.put_manifest(self._made(asked), asked.every_hours)
        elif asked.action == "run":
            done = await self.store.run_manifest(manifest_id, asked.by)
        elif asked.action == "remove":
            done = await self.store.remove_manifest(manifest_id, asked.by)
        else:
            done = await self.store.change_manifest(
                manifest_id, asked.by, every_hours=asked.every_hours, is_paused=asked.is_paused
            )
        if done is None:
            return ManifestChanged(outcome="unknown", reason=UNKNOWN.format(manifest_id))
        if isinstance(done, NotRun):
            return ManifestChanged(outcome=done.outcome, reason=done.reason)
        log.info("manifest.changed", manifest=done.id, action=asked.action)
        await self.apply_contents()
        for now in await self.store.manifests(None, done.id):
            return ManifestChanged(outcome="done", manifest=self._record(now.manifest, now.runs))
        return ManifestChanged(outcome="done", manifest=self._record(done))

    async def follow(self) -> None:
        """Decide the slots that have come, and apply the lists that were handed in.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        if count := await self.store.follow_manifests():
            log.info("manifests.followed", slots=count)
        await self.apply_contents()
        now, stale = self.clock.now(), dict[str, int]()
        for one in await self.store.manifests():
            name = one.manifest.collection
            stale[name] = stale.get(name, 0) + one.manifest.is_stale(now)
        self.stale = stale

    async def apply_contents(self) -> None:
        """Apply the lists that were handed in, of the runs that are under way.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        for one in await self.store.applications():
            if one.manifest.url is None:
                await self._apply(one.run.id, one.manifest.content or "")

    async def works(self) -> list[FetchWork]:
        """Return what couriers are to fetch: the lists of runs that are under way.

        Raises:
            TransientError: The ledger could not be read.
        """
        return [_work(one) for one in await self.store.applications() if one.manifest.url]

    async def begin(self, run_id: str) -> bool:
        """Note that a courier goes for a list; not for one that ends couriers.

        Raises:
            TransientError: The ledger could not be written.
        """
        if await self.store.take_application(run_id) <= MOST_TAKES:
            return True
        await self.store.fail_application(run_id, TOO_OFTEN)
        return False

    async def deliver(self, brought: DeliverFetch) -> FetchDelivered:
        """Take the list that a courier brings, or why there is none, and apply it.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        if brought.content is not None:
            is_taken = await self._apply(brought.job, brought.content)
        else:
            reason = brought.reason or "the courier brought no list"
            is_taken = await self.store.fail_application(brought.job, reason)
        return FetchDelivered(is_taken=is_taken)

    async def give_up(self, after_s: float) -> None:
        """Fail the runs that have waited so long, since no courier asks for them.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        now = self.clock.now()
        for one in await self.store.applications():
            if one.manifest.url and (now - one.run.at).total_seconds() >= after_s:
                await self.store.fail_application(one.run.id, NOBODY)

    async def _apply(self, run_id: str, text: str) -> bool:
        try:
            listing = read_listing(text)
        except ListError as error:
            return await self.store.fail_application(run_id, str(error))
        is_taken = await self.store.apply_listing(run_id, listing)
        log.info("manifest.applied", run=run_id, listed=len(listing.entries), is_taken=is_taken)
        return is_taken

    def _made(self, asked: ChangeManifest) -> Manifest:
        now = self.clock.now()
        return Manifest(
            id=uuid4().hex[:20],
            collection=asked.collection or "",
            name=asked.name or asked.url or "",
            url=asked.url,
            content=asked.content,
            every_hours=asked.every_hours or DEFAULT_HOURS,
            anchor=now,
            created_at=now,
            created_by=asked.by,
        )

    def _record(self, one: Manifest, runs: Sequence[ManifestRun] = ()) -> ManifestRecord:
        return ManifestRecord(
            id=one.id,
            collection=one.collection,
            name=one.name,
            url=one.url,
            every_hours=one.every_hours,
            is_paused=one.is_paused,
            next_at=one.next_at,
            ran=one.ran,
            missed=one.missed,
            overlapped=one.overlapped,
            succeeded_at=one.succeeded_at,
            is_stale=one.is_stale(self.clock.now()),
            created_at=one.created_at,
            created_by=one.created_by,
            runs=tuple(_run(run) for run in runs),
        )


def read_listing(text: str) -> Listing:
    """Read a list of sources; a row that is none stands for itself.

    Raises:
        ListError: It is no list.
    """
    found = read_list(text)
    entries, bad = list[Entry](), list[BadEntry]()
    names, urls = dict[str, int](), dict[str, int]()
    for row in found.rows:
        name = str(row.values.get("name", ""))[:100]
        try:
            entry = ManifestEntry.model_validate(row.values)
        except ValidationError as error:
            bad.append(BadEntry(number=row.number, name=name, reason=_why(error)))
            continue
        key = key_of(entry.name)
        if (first := names.get(key)) is not None:
            reason = LISTED_TWICE.format(first, f"'{entry.name}'")
        elif (first := urls.get(entry.url)) is not None:
            reason = LISTED_TWICE.format(first, "this URL")
        else:
            names[key] = urls[entry.url] = row.number
            entries.append(_entry(row, entry))
            continue
        bad.append(BadEntry(number=row.number, name=name, reason=reason))
    return Listing(entries, bad, found.ignored)


def _why(error: ValidationError) -> str:
    parts = []
    for one in error.errors(include_url=False, include_input=False):
        said = one["msg"].removeprefix("Value error, ")
        parts.append(f"{'.'.join(str(part) for part in one['loc'])}: {said}")
    return "; ".join(parts)[:500]


def _entry(row: Row, one: ManifestEntry) -> Entry:
    return Entry(
        number=row.number,
        name=one.name,
        url=one.url,
        format=one.format,
        is_active=one.active,
        every_hours=one.every_hours,
        chosen=Chosen(one.text_columns, one.context_columns),
        notes=one.notes,
    )


def _work(one: Application) -> FetchWork:
    fields: dict[str, Any] = {"job": one.run.id, "attempt": 0, "url": one.manifest.url}
    return FetchWork(
        **fields,
        collection=one.manifest.collection,
        filename=None,
        by=one.run.by,
        is_manifest=True,
    )


def _run(one: ManifestRun) -> told.ManifestRun:
    counts = {name.replace(" ", "_"): count for name, count in (one.counts or {}).items()}
    said = asdict(one) | {"counts": counts if one.counts is not None else None}
    return told.ManifestRun.model_validate(said)


def _item(one: Item) -> ManifestItem:
    return ManifestItem(
        row=one.number,
        name=one.name,
        url=one.url,
        filename=one.filename,
        outcome=one.outcome,
        reason=one.reason,
        job=one.job_id,
        asked_at=one.asked_at,
        every_hours=one.every_hours,
        notes=one.notes,
    )
