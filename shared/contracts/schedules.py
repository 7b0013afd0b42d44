"""Schedules: URLs that are fetched again every few hours."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from shared.contracts.base import MAX_INT64, Collection, Message, Reason
from shared.contracts.fetching import FetchColumnRule, FetchedUrl
from shared.contracts.jobs import JobId
from shared.contracts.uploads import Columns, FileName

LEAST_HOURS, MOST_HOURS = 1, 168
RUNS_TOLD = 20
"""Of the last runs of each."""
MOST_SCHEDULES = 500
SAY_WHAT = "say what changes: every_hours, is_paused, filename"
ScheduleId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{20}$")]
Hours = Annotated[int, Field(ge=LEAST_HOURS, le=MOST_HOURS)]
Count = Annotated[int, Field(ge=0, le=MAX_INT64)]
RunOutcome = Literal["ran", "by hand", "missed", "overlapped"]


class ScheduleRun(Message):
    """What became of a slot, or of several that were missed; or a run by hand."""

    at: AwareDatetime = Field(description="When that was decided, in UTC.")
    slot: AwareDatetime | None = Field(description="The slot, the last of several; null: by hand.")
    outcome: RunOutcome = Field(
        description="missed: nobody was there, or it was paused; overlapped: the source still had "
        "a job."
    )
    slots: int = Field(default=1, ge=1, description="How many slots it is about.")
    job: JobId | None = Field(default=None, description="The job; null if there is none.")


class ScheduleRecord(Message):
    """A schedule, and what became of its slots."""

    id: ScheduleId = Field(description="Its identity.")
    collection: Collection = Field(description="Where the source belongs.")
    url: FetchedUrl = Field(description="What is fetched.")
    filename: str | None = Field(description="What it is called; null: as its server says.")
    every_hours: Hours = Field(description="Hours from slot to slot.")
    is_paused: bool = Field(description="Whether its slots pass without a run.")
    next_at: AwareDatetime = Field(description="The next slot of its grid.")
    ran: Count = Field(description="Slots that were run.")
    missed: Count = Field(description="Slots that nobody ran: it was paused, or nobody was there.")
    overlapped: Count = Field(description="Slots at which the source still had a job.")
    succeeded_at: AwareDatetime | None = Field(description="When a run last succeeded.")
    is_stale: bool = Field(
        description="Whether none has for nine hours, or one and a half periods if that is longer."
    )
    created_at: AwareDatetime = Field(description="When it was made.")
    created_by: str = Field(description="Who made it.")
    runs: tuple[ScheduleRun, ...] = Field(default=(), description="The last ones, newest first.")


class ListSchedules(Message):
    """Asks for schedules, in the order in which they were made."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection | None = Field(default=None, description="Of this collection only.")


class SchedulePage(Message):
    """The schedules."""

    items: tuple[ScheduleRecord, ...] = Field(description="Each of them.")


class ChangeSchedule(Message):
    """Has a schedule made, changed, removed, or run by hand."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["add", "change", "remove", "run"] = Field(description="What is to be done.")
    schedule: ScheduleId | None = Field(default=None, description="The schedule; of add, none.")
    schedules: tuple[ScheduleId, ...] = Field(
        default=(),
        max_length=MOST_SCHEDULES,
        description="Of run: several instead of one; together they are one run by hand.",
    )
    collection: Collection | None = Field(default=None, description="Of add: the collection.")
    url: FetchedUrl | None = Field(default=None, description="Of add: what is fetched.")
    filename: FileName | None = Field(
        default=None,
        description="Of add and change: what it is called; by another name it is another source.",
    )
    every_hours: Hours | None = Field(default=None, description="Of add and change.")
    is_paused: bool | None = Field(default=None, description="Of change.")
    text_columns: Columns = Field(default=(), description="Of add: as of a fetch.")
    context_columns: Columns | None = Field(default=None, description="Of add: as of a fetch.")
    columns: FetchColumnRule = Field(default="preferred", description="Of add: as of a fetch.")
    by: str = Field(min_length=1, max_length=200, description="Who wants it.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Refuse what lacks what its action needs."""
        if self.action == "add":
            if None in (self.collection, self.url, self.every_hours):
                raise ValueError("add needs collection, url and every_hours")
        elif (self.schedule is None) != bool(self.action == "run" and self.schedules):
            raise ValueError(f"{self.action} needs a schedule")
        changes = self.every_hours, self.is_paused, self.filename
        if self.action == "change" and changes == (None, None, None):
            raise ValueError(SAY_WHAT)
        return self


class ScheduleChanged(Message):
    """What became of that."""

    outcome: Literal["done", "refused", "unknown", "running", "too often"] = Field(
        description="unknown: there is none of this id; running: its source has a job."
    )
    reason: Reason | None = Field(default=None, description="Why not.")
    schedule: ScheduleRecord | None = Field(
        default=None, description="As it is now; of a removed one, as it was; of several, none."
    )
    jobs: tuple[JobId, ...] = Field(default=(), description="Of run: the jobs that were queued.")
    reasons: tuple[Reason, ...] = Field(
        default=(), description="Of run: why others of several were not."
    )
