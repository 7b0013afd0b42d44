"""The ledger in memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.contradictions import (
    Contradiction,
    against_commit,
    against_death,
)
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.dead_letters import (
    Letter,
    Refused,
    Remains,
    Resend,
    is_whole,
    why_not,
    why_not_now,
)
from services.discovery.domain.holding import why_held
from services.discovery.domain.ledger import (
    STATUSES,
    CommandRef,
    Commit,
    Death,
    SourceRecord,
    Status,
    forgotten_for,
)
from services.discovery.domain.segments import BEGINNING, ContentHash, Mark, Segment
from services.discovery.domain.sources import SourceStat, display_name
from services.discovery.domain.totals import Totals
from services.discovery.domain.versions import BegunVersion, continuation
from shared.errors import TransientError
from tests.fakes.move_store import FakeMoves
from tests.fakes.presence_store import FakePresence
from tests.fakes.stall_store import FakeStalls


class FakeStateStore(FakeStalls, FakePresence, FakeMoves):
    """Keeps rows in dictionaries. The next ``failures`` writes are refused."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sources: dict[str, SourceRecord] = {}
        self.batches: dict[str, tuple[str, BatchAccount]] = {}
        self.letters: dict[str, Letter] = {}
        self.sent_again: dict[str, tuple[str, Resend]] = {}
        """Batch id to the letter's key and what was sent."""
        self.contradicted: dict[str, Contradiction] = {}
        self.standing = {}
        self.moved = {}
        self.looks = 0
        self.moves: dict[tuple[str, int], tuple[str, int, str]] = {}
        """Source and version before, to source and version now, and by which batch."""
        self.noted_births: dict[str, str] = {}
        self.segments: dict[str, list[Segment]] = {}
        self.marks: dict[str, Mark] = {}
        """Source id to how far it was read."""
        self.settled: dict[str, Mark] = {}
        """The same of what is mapped."""

    async def contradictions(self, collection: str, most: int) -> list[Contradiction]:
        mine = [one for one in self.contradicted.values() if one.collection == collection]
        return sorted(mine, key=lambda one: (one.since, one.batch_id))[:most]

    async def count_contradictions(self, collection: str) -> int:
        return len(await self.contradictions(collection, len(self.contradicted)))

    async def get(self, source_ids: Sequence[str]) -> dict[str, SourceRecord]:
        return {key: self.sources[key] for key in source_ids if key in self.sources}

    async def list_sources(self, collection: str | None = None) -> list[SourceRecord]:
        rows = [row for row in self.sources.values() if collection in (None, row.collection)]
        return sorted(rows, key=lambda row: (row.collection, row.filename))

    async def unfinished(self, collection: str | None = None) -> list[SourceRecord]:
        rows = await self.list_sources(collection)
        open_ids = {owner for owner, one in self.batches.values() if not one.is_settled}
        return [
            row
            for row in rows
            if row.status in ("reading", "dispatched")
            or (row.is_put_aside and row.source_id in open_ids)
        ]

    async def failed(self, collection: str, most: int) -> list[SourceRecord]:
        rows = await self.list_sources(collection)
        return [row for row in rows if row.status == "failed"][:most]

    async def totals(self, collection: str) -> Totals:
        rows = await self.list_sources(collection)
        counts: dict[Status, int] = dict.fromkeys(STATUSES, 0)
        for row in rows:
            counts[row.status] += 1
        ids = {row.source_id for row in rows}
        mine = [one for source, one in self.batches.values() if source in ids]
        in_flight = sum(one.in_flight + one.staged for one in mine)
        seen, mapped, dead, dropped = (
            sum(getattr(row, name) for row in rows)
            for name in ("seen", "mapped", "dead", "dropped")
        )
        held = sum(row.staged for row in rows if row.is_held)
        return Totals(counts, seen, mapped, dead, in_flight, dropped, held)

    async def note_incomplete(self, stat: SourceStat, why: WhyIncomplete, now: datetime) -> None:
        row = self._put(stat, now, why)
        if row.source_version == 0:
            self._update(row.source_id, status="incomplete", reason=None)

    async def note_unchanged(self, stat: SourceStat, now: datetime) -> list[SourceRecord]:
        row = self._put(stat, now, is_checked=True)
        if row.status == "failed" and row.is_read and not row.is_held:
            status = "completed" if row.completed_at else "dispatched"
            self._update(row.source_id, status=status, reason=None, is_announced=False)
        if row.is_forgotten:
            self._update(row.source_id, reason=None)
        return self._settle([row.source_id], now)

    async def begin_version(
        self,
        stat: SourceStat,
        content: ContentHash,
        rules: CutRules,
        now: datetime,
        max_dead_share: float | None = None,
    ) -> BegunVersion:
        row = self._put(stat, now, is_checked=True)
        what = continuation(row, content, rules)
        fresh: dict[str, Any] = {"status": "reading", "reason": None, "is_announced": False}
        held = {"fingerprint": content.whole, "content_size": stat.size, "completed_at": None}
        if what == "other":
            self._forget(row.source_id)
            fresh |= held | {"seen": 0, "mapped": 0, "dead": 0, "is_read": False, "rules": rules}
            fresh |= {"is_forgotten": False, "dropped": 0, "replays": 0}
            fresh |= {"staged": 0, "is_showing": False, "is_held": False}
            fresh |= {"max_dead_share": max_dead_share}
            is_new = not row.was_completed
            fresh |= {"replaces": max(row.mapped, row.replaces) if is_new else row.mapped}
            fresh |= {"source_version": row.source_version + 1}
            self.segments[row.source_id] = [
                Segment(0, stat.size, content.whole, content.whole, now)
            ]
        elif what == "grown":
            fresh |= held | {"is_read": False, "is_held": False}
            mine = self.segments[row.source_id]
            grown = Segment(mine[-1].number + 1, stat.size, content.whole, content.rest, now)
            mine.append(grown)
        if what != "same" or not row.is_read:
            self._update(row.source_id, **fresh)
        return self._begun(self.sources[row.source_id], rules)

    def _begun(self, row: SourceRecord, rules: CutRules) -> BegunVersion:
        mark = self.marks.get(row.source_id)
        mine = self.segments.get(row.source_id, [])
        after = [one for one in mine if mark is None or one.size > mark.byte_offset]
        start = mark if mark is not None and after else BEGINNING
        share = row.max_dead_share
        return BegunVersion(row.source_version, row.rules or rules, start, tuple(after), share)

    async def record_batch(
        self, batch_id: str, source_id: str, version: int, records: int
    ) -> None:
        source = self._current(source_id, version)
        if source and (batch_id in self.batches or not source.was_completed):
            self.batches.setdefault(batch_id, (source_id, BatchAccount()))
            self._change(source, batch_id, lambda batch: batch.record(records))

    async def finish_reading(
        self, source_id: str, version: int, end: Mark, now: datetime
    ) -> list[SourceRecord]:
        source = self._current(source_id, version)
        if source and source.status == "reading":
            self.marks[source_id] = end
            self._update(source_id, is_read=True, status="dispatched", reason=None)
        return self._settle([source_id], now) if source else []

    async def apply_committed(
        self, commits: Sequence[Commit], now: datetime
    ) -> list[SourceRecord]:
        touched = []
        for commit in commits:
            if source := self._current(commit.source_id, commit.source_version):
                known = self.batches.get(commit.batch_id, ("", None))[1]
                self._contradict(source, commit.batch_id, against_commit(known, commit), now)
                mapped = commit.records
                if commit.is_staged:
                    self._change(source, commit.batch_id, lambda batch, m=mapped: batch.stage(m))
                elif not commit.is_superseded:
                    self._change(source, commit.batch_id, lambda batch, m=mapped: batch.commit(m))
                    self._read_what_was_not_moved(source, commit, now)
                touched.append(commit.source_id)
        return self._settle(dict.fromkeys(touched), now)

    async def apply_deaths(self, deaths: Sequence[Death], now: datetime) -> list[SourceRecord]:
        touched = []
        for death in deaths:
            source = self._current(death.source_id, death.source_version)
            if source is not None and not source.is_forgotten:
                is_new = source.completed_at is None and death.key not in self.letters
                if is_new and death.batch_id is not None:
                    known = self.batches.get(death.batch_id, ("", None))[1]
                    what = against_death(known, death)
                    self._contradict(source, death.batch_id, what, now)
                self._enter(source, death)
                touched.append(death.source_id)
        return self._settle(dict.fromkeys(touched), now)

    async def replay(
        self,
        death: Death,
        resends: Sequence[Resend],
        command: str,
        remains: Remains | None = None,
    ) -> Sequence[Resend] | Refused:
        self._refuse()
        source = self.sources.get(death.source_id)
        if (reason := why_not_now(source, death.source_version)) or source is None:
            return reason or Refused("")
        self._enter(source, death)
        letter = self.letters.get(death.key)
        account = self.batches[death.batch_id][1] if death.batch_id in self.batches else None
        if reason := why_not(letter, account, self._told_dead(death.batch_id)):
            return reason
        assert letter
        if letter.fate == "dead":
            self._revive(
                letter, account or BatchAccount(), resends, whole=is_whole(death, resends)
            )
            self._reopen(remains.taken_from(letter) if remains else letter, command)
            for rest in remains.deaths if remains else ():
                self._enter(self.sources[rest.source_id], rest)
        return [one for key, one in self.sent_again.values() if key == death.key]

    async def drop(self, death: Death, command: str, now: datetime) -> list[SourceRecord]:
        self._refuse()
        source = self._current(death.source_id, death.source_version)
        if source is None or source.is_forgotten:
            return []
        self._enter(source, death)
        letter = self.letters.get(death.key)
        if letter is not None and letter.fate == "dead":
            self.letters[letter.key] = replace(letter, fate="dropped", command=command)
            row = self.sources[letter.source_id]
            self._update(row.source_id, dropped=min(row.dead, row.dropped + letter.records))
            row = self.sources[letter.source_id]
            if row.is_held and row.status == "failed":
                if row.dead - row.dropped > int((row.max_dead_share or 0) * row.seen + 1e-9):
                    self._update(row.source_id, reason=why_held(row))
                    return []
                self._update(row.source_id, status="dispatched", reason=None, is_announced=False)
                return self._settle([row.source_id], now)
        return []

    async def unreadable(self, source_id: str) -> list[Letter]:
        found = [
            (one.byte_offset, one.key, one)
            for one in self.letters.values()
            if one.source_id == source_id and one.batch_id is None and one.byte_offset is not None
        ]
        return [one for *_, one in sorted(found, key=lambda found: found[:2])]

    async def settled_by(self, command: str) -> list[Letter]:
        return [one for one in self.letters.values() if one.command == command]

    async def resends(self, collection: str) -> list[Resend]:
        return [one for _, one in self.sent_again.values() if one.collection == collection]

    async def fail(self, stat: SourceStat, reason: str, now: datetime) -> SourceRecord | None:
        if stat.source_id in self.sources and self.sources[stat.source_id].is_held:
            return None
        row = self._put(stat, now)
        if row.is_forgotten:
            self._update(row.source_id, reason=reason)
            return None
        if row.status != "failed" or row.reason != reason:
            self._update(row.source_id, status="failed", reason=reason, is_announced=False)
        self._put_aside(row.source_id)
        row = self.sources[row.source_id]
        return None if row.is_announced else row

    async def requeue(self, source_id: str) -> bool:
        row = self.sources.get(source_id)
        waits = ("reading", "dispatched", "failed")
        if row is None or row.was_completed or row.is_forgotten or row.status not in waits:
            return False
        if self._is_being_moved(source_id):
            return False
        status = "reading" if row.source_version else row.status
        self.marks.pop(source_id, None)
        if (mark := self.settled.get(source_id)) is not None:
            self.marks[source_id] = mark
        self._update(source_id, status=status, is_read=False, is_held=False)
        return True

    async def lost_with_source(self, collection: str) -> list[SourceRecord]:
        rows = self._ordered(collection)
        return [row for row in rows if row.status == "failed" and row.in_flight]

    async def lost_batches(self, source_id: str) -> list[str]:
        return sorted(
            key
            for key, (owner, one) in self.batches.items()
            if owner == source_id and not one.is_settled and not one.is_staged
        )

    async def withdraw(self, source_id: str) -> int:
        before = self.sources.get(source_id)
        if before is None or before.status != "failed":
            return 0
        mine = [key for key, (owner, one) in self.batches.items()
                if owner == source_id and not one.is_settled]  # fmt: skip
        for batch_id in mine:
            self._change(before, batch_id, BatchAccount.withdraw)
        return before.seen - self.sources[source_id].seen

    async def births(self, collection: str) -> str | None:
        return self.noted_births.get(collection)

    async def note_births(self, collection: str, births: str) -> None:
        self.noted_births[collection] = births

    async def forget(self, source_id: str, ref: CommandRef) -> SourceRecord | None:
        self._refuse()
        row = self.sources.get(source_id)
        if row is None or row.source_version == 0:
            return None
        after = self.sources[source_id] = forgotten_for(row, ref)
        if after.source_version != row.source_version:
            self._forget(source_id)
            self.batches[after.empty_batch_id] = (source_id, BatchAccount().record(0))
        return after

    async def mark_announced(
        self,
        source_id: str,
        status: Status,
        version: int | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        row = self.sources.get(source_id)
        is_meant = row and row.status == status and version in (None, row.source_version)
        if row and is_meant and ended_at in (None, row.completed_at):
            self._update(source_id, is_announced=True)

    async def unannounced(self) -> list[SourceRecord]:
        rows = await self.list_sources()
        ended = [row for row in rows if row.status in ("completed", "failed", "forgotten")]
        return [row for row in ended if not row.is_announced]

    async def forget_accounts(self, before: datetime) -> int:
        ended = {row.source_id: row.completed_at for row in self.sources.values()}
        old = [
            key
            for key, (owner, _) in self.batches.items()
            if (at := ended.get(owner)) and at < before
        ]
        for key in old:
            del self.batches[key]
        for key, letter in list(self.letters.items()):
            if (at := ended.get(letter.source_id)) and at < before:
                del self.letters[key]
        return len(old)

    async def forget_missing(self, collection: str, present: frozenset[str]) -> int:
        rows = [row for row in self._ordered(collection) if not row.source_version]
        missing = [row.source_id for row in rows if row.source_id not in present]
        for source_id in missing:
            del self.sources[source_id]
        return len(missing)

    def _contradict(
        self, source: SourceRecord, batch_id: str, what: str | None, now: datetime
    ) -> None:
        if what is not None and batch_id not in self.contradicted:
            self.contradicted[batch_id] = Contradiction(
                source.collection, source.source_id, source.filename, batch_id, what, now
            )

    def _refuse(self) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the ledger of discovery: database or disk is full")

    def _put(
        self,
        stat: SourceStat,
        now: datetime,
        why: WhyIncomplete | None = None,
        *,
        is_checked: bool = False,
    ) -> SourceRecord:
        self._refuse()
        path = display_name(stat.path)
        known = self.sources.get(stat.source_id)
        if known is None:
            known = SourceRecord(
                stat.collection, stat.source_id, stat.filename, path, stat.size, stat.mtime_ns,
                "incomplete", 0, None, 0, 0, 0, False, False, None, now, None,
            )  # fmt: skip
        known = replace(
            known,
            path=path,
            size=stat.size,
            mtime_ns=stat.mtime_ns,
            ctime_ns=stat.ctime_ns,
            inode=stat.inode,
            why_incomplete=why,
            incomplete_since=(known.incomplete_since or now) if why else None,
            checked_at=now if is_checked else known.checked_at,
        )
        self.sources[stat.source_id] = known
        return known

    def _update(self, source_id: str, **values: Any) -> None:
        self.sources[source_id] = replace(self.sources[source_id], **values)

    def _current(self, source_id: str, version: int) -> SourceRecord | None:
        row = self.sources.get(source_id)
        return row if row and row.source_version == version else None

    def _change(
        self, source: SourceRecord, batch_id: str, change: Callable[[BatchAccount], BatchAccount]
    ) -> None:
        is_over = source.was_completed or source.source_id in self.settled
        if batch_id not in self.batches and is_over:
            return
        before = self.batches.get(batch_id, ("", BatchAccount()))[1]
        after = change(before)
        self._put_account(source.source_id, batch_id, after)
        self._count(
            source.source_id,
            after.records - before.records,
            after.mapped - before.mapped,
            after.dead - before.dead,
            after.staged - before.staged,
        )

    def _put_account(self, source_id: str, batch_id: str, account: BatchAccount) -> None:
        self.batches[batch_id] = (source_id, account)
        if account.is_settled:
            self.sent_again.pop(batch_id, None)

    def _count(self, source_id: str, seen: int, mapped: int, dead: int, staged: int = 0) -> None:
        row = self.sources[source_id]
        self._update(
            source_id,
            staged=row.staged + staged,
            seen=row.seen + seen,
            mapped=row.mapped + mapped,
            dead=row.dead + dead,
            dropped=min(row.dropped, row.dead + dead),
        )

    def _enter(self, source: SourceRecord, death: Death) -> None:
        if source.completed_at is not None or death.key in self.letters:
            return
        self.letters[death.key] = Letter.of(death)
        if death.batch_id is None:
            self._count(source.source_id, death.records, 0, death.records)
        else:
            self._change(source, death.batch_id, lambda batch: batch.dead_letter(death.records))

    def _told_dead(self, batch_id: str | None) -> int:
        return sum(
            one.records
            for one in self.letters.values()
            if one.batch_id is not None and one.batch_id == batch_id and one.fate != "replayed"
        )

    def _revive(
        self, letter: Letter, account: BatchAccount, resends: Sequence[Resend], *, whole: bool
    ) -> None:
        source, batch_id = letter.source_id, letter.batch_id
        sent = sum(one.records for one in resends)
        self._count(source, sent - letter.records, 0, -letter.records)
        if batch_id is not None and whole:
            after = replace(account.revive(letter.records), is_recorded=True)
            self._put_account(source, batch_id, after)
        elif batch_id is not None:
            self._put_account(source, batch_id, account.release(letter.records))
            if not self.batches[batch_id][1].records:
                del self.batches[batch_id]
        for one in resends:
            if one.batch_id != batch_id:
                self._put_account(source, one.batch_id, BatchAccount().record(one.records))
            self.sent_again[one.batch_id] = (letter.key, one)

    def _reopen(self, letter: Letter, command: str) -> None:
        row = self.sources[letter.source_id]
        turn = row.replays + 1
        self.letters[letter.key] = replace(letter, fate="replayed", command=command, turn=turn)
        status = "dispatched" if row.status == "completed" or row.is_held else row.status
        if row.is_held:
            self._update(row.source_id, reason=None)
        self._update(
            row.source_id, status=status, completed_at=None, is_announced=False, replays=turn
        )

    def _forget(self, source_id: str, *, keep_dead: bool = False) -> None:
        for key, (owner, batch) in list(self.batches.items()):
            if owner == source_id and not (keep_dead and batch.dead):
                del self.batches[key]
                if not keep_dead:
                    self.sent_again.pop(key, None)
        if not keep_dead:
            for kept in (self.segments, self.marks, self.settled):
                kept.pop(source_id, None)
            for batch_id, one in list(self.contradicted.items()):
                if one.source_id == source_id:
                    del self.contradicted[batch_id]
            mine = [one.key for one in self.letters.values() if one.source_id == source_id]
            for key in mine:
                del self.letters[key]

    def _put_aside(self, source_id: str) -> None:
        row = self.sources[source_id]
        if row.status == "failed" and row.staged and not row.is_held:
            self._forget(source_id)
            self._update(
                source_id,
                source_version=row.source_version + 1,
                fingerprint=None, content_size=None, is_read=False,
                seen=0, mapped=0, dead=0, dropped=0, replays=0, staged=0,
            )  # fmt: skip
            discarding = self.sources[source_id].discarding_batch_id
            self.batches[discarding] = (source_id, BatchAccount().record(0))

    def _settle(self, source_ids: Iterable[str], now: datetime) -> list[SourceRecord]:
        completed = []
        for source_id in source_ids:
            self._put_aside(source_id)
            row = self.sources[source_id]
            mine = [batch for owner, batch in self.batches.values() if owner == source_id]
            is_done = row.is_read and all(batch.is_settled for batch in mine)
            is_lost = row.is_all_dead and row.showing_batch_id not in self.batches
            waits = any(batch.is_staged or (is_lost and batch.dead) for batch in mine)
            if row.status == "dispatched" and is_done and waits:
                share = 1 if row.max_dead_share is None else row.max_dead_share
                missed = row.dead - row.dropped
                keeps = bool(row.staged or row.replaces) and not row.is_showing
                if keeps and missed > int(share * row.seen + 1e-9):
                    held = {"status": "failed", "is_held": True, "is_announced": False}
                    self._update(source_id, reason=why_held(row), **held)
                else:
                    self._put_account(source_id, row.showing_batch_id, BatchAccount().record(0))
                    self._update(source_id, is_showing=True, is_held=False)
                row = self.sources[source_id]
                is_done = False
            if row.status == "dispatched" and is_done:
                status = "forgotten" if row.is_forgotten else "completed"
                told = {"completed_at": now, "is_announced": False, "is_showing": False}
                self._update(source_id, status=status, **told)
                self._forget(source_id, keep_dead=True)
                if source_id in self.marks:
                    self.settled[source_id] = self.marks[source_id]
            row = self.sources[source_id]
            is_over = row.status in ("completed", "forgotten") and not row.is_announced
            is_leaving = row.is_put_aside and not all(batch.is_settled for batch in mine)
            is_held = row.is_held and row.status == "failed" and not row.is_announced
            if row.is_showing or is_over or is_leaving or is_held:
                completed.append(row)
        return completed
