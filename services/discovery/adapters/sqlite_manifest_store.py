"""Manifests, what became of their slots, and the fetches that they queue, in the ledger's file."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_job_store import has_it
from services.discovery.adapters.sqlite_manifest_rows import ManifestTables
from services.discovery.adapters.sqlite_schedule_store import SERVED
from services.discovery.domain.fetches import FetchOrder
from services.discovery.domain.manifests import Item, Listing, Manifest, Step, plan
from services.discovery.domain.schedules import due, with_period
from services.discovery.ports.jobs import Wish
from services.discovery.ports.manifests import Application, Held
from services.discovery.ports.schedules import NotRun

IGNORED = "these columns mean nothing here: {}"
TOLD_OF_IT = ("unlisted", "inactive")
"""What is noted in the audit when it begins: it is fetched no more."""


class ManifestRows(ManifestTables):
    """The part of the ledger that has lists of sources; each method is one transaction."""

    @reads
    def manifests(
        self, collection: str | None = None, manifest_id: str | None = None
    ) -> list[Held]:
        """See ManifestStore."""
        found = self._manifests(
            "WHERE (?1 IS NULL OR collection = ?1) AND (?2 IS NULL OR id = ?2)"
            " ORDER BY created_at, id",
            collection,
            manifest_id,
        )
        return [Held(one, self._last_runs(one.id)) for one in found]

    @reads
    def manifest_items(self, manifest_id: str) -> list[Item]:
        """See ManifestStore."""
        return self._items(manifest_id)

    @change
    def put_manifest(self, manifest: Manifest, every_hours: int | None) -> Manifest | NotRun:
        """See ManifestStore."""
        where, by = "WHERE collection = ? AND name = ?", manifest.created_by
        for known in self._manifests(where, manifest.collection, manifest.name):
            self._follow_manifest(known)
            if (why := self._why_not_run(known.id)) is not None:
                return why
            (before,) = self._manifests("WHERE id = ?", known.id)
            hours = every_hours or before.every_hours
            after = replace(
                with_period(before, hours, self._clock.now()),
                url=manifest.url,
                content=manifest.content,
            )
            if after != before:
                self._put_manifest(after)
                self._note_manifest(after, "change", by)
            self._begin_by_hand(after, by)
            return after
        self._put_manifest(manifest)
        self._note_manifest(manifest, "add", by)
        self._follow_manifest(manifest)
        return self._manifests("WHERE id = ?", manifest.id)[0]

    @change
    def change_manifest(
        self, manifest_id: str, by: str, *, every_hours: int | None, is_paused: bool | None
    ) -> Manifest | None:
        """See ManifestStore."""
        for one in self._manifests("WHERE id = ?", manifest_id):
            self._follow_manifest(one)  # what came until now was as it was until now
            (before,) = self._manifests("WHERE id = ?", manifest_id)
            after = with_period(before, every_hours or before.every_hours, self._clock.now())
            if is_paused is not None:
                after = replace(after, is_paused=is_paused)
            if after != before:
                self._put_manifest(after)
                self._note_manifest(after, "change", by)
            return after
        return None

    @change
    def remove_manifest(self, manifest_id: str, by: str) -> Manifest | None:
        """See ManifestStore."""
        for one in self._manifests("WHERE id = ?", manifest_id):
            self._note_manifest(one, "remove", by)
            self._execute("DELETE FROM manifests WHERE id = ?", manifest_id)
            self._execute("DELETE FROM manifest_runs WHERE manifest_id = ?", manifest_id)
            self._execute("DELETE FROM manifest_items WHERE manifest_id = ?", manifest_id)
            return one
        return None

    @change
    def run_manifest(self, manifest_id: str, by: str) -> Manifest | NotRun:
        """See ManifestStore."""
        for one in self._manifests("WHERE id = ?", manifest_id):
            if (why := self._why_not_run(manifest_id)) is not None:
                return why
            self._begin_by_hand(one, by)
            return one
        return NotRun("unknown", f"there is no manifest '{manifest_id}'")

    async def follow_manifests(self) -> int:
        """See ManifestStore."""
        waiting = await self._waiting_manifests()
        return await self._follow_manifests() if waiting else 0

    @reads
    def _waiting_manifests(self) -> bool:
        now = self._clock.now()
        found = (due(one, now) for one in self._manifests(f"WHERE {SERVED}"))
        return any(one.missed or one.slot for one in found)

    @change
    def _follow_manifests(self) -> int:
        return sum(self._follow_manifest(one) for one in self._manifests(f"WHERE {SERVED}"))

    @reads
    def applications(self) -> list[Application]:
        """See ManifestStore."""
        return self._applications("")

    @change
    def take_application(self, run_id: str) -> int:
        """See ManifestStore."""
        rows = self._rows(
            "UPDATE manifest_runs SET takes = takes + 1 WHERE id = ? RETURNING takes", run_id
        )
        return int(rows[0][0]) if rows else 0

    @change
    def apply_listing(self, run_id: str, listing: Listing) -> bool:
        """See ManifestStore."""
        self._follow_jobs()
        for one in self._applications(run_id):
            manifest, by = one.manifest, one.run.by
            known = {item.key: item for item in self._items(manifest.id)}
            wish = Wish(f"manifest:{run_id}", by)
            steps = plan(listing, known, self._clock.now())
            items = [self._take_step(manifest, step, wish) for step in steps]
            self._put_items(manifest, items)
            self._note_gone(manifest, known, items, by)
            counts = Counter[str](item.outcome for item in items)
            reason = IGNORED.format(", ".join(listing.ignored)) if listing.ignored else None
            self._end_application(one, "applied", reason, counts)
            return True
        return False

    @change
    def fail_application(self, run_id: str, reason: str) -> bool:
        """See ManifestStore."""
        for one in self._applications(run_id):
            self._end_application(one, "failed", reason, Counter())
            return True
        return False

    def _applications(self, run_id: str) -> list[Application]:
        rows = self._rows(
            "SELECT id, manifest_id FROM manifest_runs WHERE state = 'running'"
            " AND (?1 = '' OR id = ?1) ORDER BY number",
            run_id,
        )
        return [
            Application(run, manifest)
            for of_run, of_manifest in rows
            for run in self._manifest_runs("WHERE id = ?", of_run)
            for manifest in self._manifests(f"WHERE id = ? AND {SERVED}", of_manifest)
        ]

    def _take_step(self, manifest: Manifest, step: Step, wish: Wish) -> Item:
        """Queue a fetch of one that is to be fetched; one that cannot be stops no other."""
        item, entry = step.item, step.fetches
        if entry is None:
            return item
        if step.moved_from and (held := self._move(manifest, item, step.moved_from)):
            return replace(item, url=step.moved_from, outcome="busy", reason=held)
        if item.outcome == "added":
            item = self._as_fetched_before(manifest.collection, item)
        order = FetchOrder(
            collection=manifest.collection,
            urls=(entry.url,),
            filename=item.filename,
            text_columns=entry.chosen.text,
            context_columns=entry.chosen.context,
            why=f"listed in {manifest.name}"[:200],
        )
        done = self._submit_fetch(order, entry.url, wish)
        if done.job is None:
            return replace(item, outcome="busy", reason=done.reason)
        return replace(item, job_id=done.job.id, asked_at=self._clock.now())

    def _as_fetched_before(self, collection: str, item: Item) -> Item:
        """Let one whose URL was fetched before have the source that it has become."""
        url, name = item.url or "", item.filename
        known = self._fetched(collection, url, name) or self._fetched(collection, url, None)
        return replace(item, filename=known.filename) if known else item

    def _move(self, manifest: Manifest, item: Item, before: str) -> str | None:
        """Let a source be fetched from elsewhere; or say which job keeps it from that."""
        known = self._fetched(manifest.collection, before, item.filename)
        if known is None or item.url is None:
            return None
        holder = self._holder(known.source_id)
        if holder is not None:
            return has_it(known.filename, holder)
        if self._fetched(manifest.collection, item.url, item.filename) is None:
            self._execute(
                "UPDATE fetched SET url = ?, etag = NULL, modified = NULL WHERE source_id = ?",
                item.url,
                known.source_id,
            )
        return None

    def _note_gone(
        self, manifest: Manifest, known: dict[str, Item], items: Sequence[Item], by: str
    ) -> None:
        """Note in the audit who is fetched no more from now on."""
        for one in items:
            before = known.get(one.key)
            was = before.outcome if before else None
            if one.outcome in TOLD_OF_IT and one.outcome != was:
                named = manifest.collection, one.filename or one.name
                told = f"{manifest.name}: {one.reason}"
                self._note_effect("manifest", named, "change", by, self._clock.now(), told)

    def _end_application(
        self, one: Application, state: str, reason: str | None, counts: Counter[str]
    ) -> None:
        now = self._clock.now()
        self._execute(
            "UPDATE manifest_runs SET state = ?, ended_at = ?, reason = ?, counts = ?"
            " WHERE id = ?",
            state,
            now.isoformat(),
            reason,
            json.dumps(counts),
            one.run.id,
        )
        if state == "applied":
            self._put_manifest(replace(one.manifest, succeeded_at=now))
        numbers = ", ".join(f"{count} {name}" for name, count in counts.items())
        told = "; ".join(part for part in (state, numbers, reason) if part)
        named = one.manifest.collection, one.manifest.name
        self._note_effect("manifest", named, "end", one.run.by, now, told)
        if state == "failed":
            self._execute("UPDATE audit SET outcome = 'failed' WHERE number = last_insert_rowid()")
