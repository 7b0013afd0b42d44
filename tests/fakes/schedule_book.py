"""What is told of schedules, in memory."""

from datetime import UTC, datetime

from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    ScheduleChanged,
    SchedulePage,
    ScheduleRecord,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)


class FakeScheduleBook:
    """Schedules by number; what a run gives is said beforehand."""

    def __init__(self, ran: ScheduleChanged | None = None) -> None:
        self.ran = ran
        self.all: dict[str, ScheduleRecord] = {}
        self._made = 0

    async def tell(self, asked: ListSchedules) -> SchedulePage:
        fit = (one for one in self.all.values() if asked.collection in (None, one.collection))
        return SchedulePage(items=tuple(fit))

    async def change(self, asked: ChangeSchedule) -> ScheduleChanged:
        if asked.action == "add":
            return self._add(asked)
        known = self.all.get(asked.schedule or "")
        if known is None:
            return ScheduleChanged(outcome="unknown", reason="there is none")
        if asked.action == "run" and self.ran is not None:
            return self.ran
        if asked.action == "remove":
            del self.all[known.id]
        if asked.action == "change":
            names = ("every_hours", "is_paused", "filename")
            given = {name: getattr(asked, name) for name in names}
            changes = {name: one for name, one in given.items() if one is not None}
            known = self.all[known.id] = known.model_copy(update=changes)
        return ScheduleChanged(outcome="done", schedule=known)

    def _add(self, asked: ChangeSchedule) -> ScheduleChanged:
        if any(one.url == asked.url for one in self.all.values()):
            return ScheduleChanged(outcome="refused", reason="there is one")
        record = ScheduleRecord(
            id=f"{self._made:020x}",
            collection=asked.collection or "",
            url=asked.url or "",
            filename=asked.filename,
            every_hours=asked.every_hours or 1,
            is_paused=False,
            next_at=THEN,
            ran=0,
            missed=0,
            overlapped=0,
            succeeded_at=None,
            is_stale=False,
            created_at=THEN,
            created_by=asked.by,
        )
        self._made += 1
        self.all[record.id] = record
        return ScheduleChanged(outcome="done", schedule=record)
