"""The bodies of the answers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from services.gateway.domain.operations import State
from services.gateway.handlers.upload_answers import Body, Uploaded
from shared.contracts.collections import CollectionRecord
from shared.contracts.commands import CommandName
from shared.contracts.dead_letter_events import RefusedLetter
from shared.contracts.jobs import JobRecord, SubmittedJob
from shared.contracts.projection import Decision, Movement
from shared.contracts.status_reading import Waiting
from shared.contracts.statuses import (
    DiscoveryStatus,
    EmbeddingStatus,
    GatewayStatus,
    ProjectionStatus,
    SourceFigures,
    Status,
    UnreadableStatus,
    WritingStatus,
)

AnyStatus = (
    DiscoveryStatus
    | EmbeddingStatus
    | ProjectionStatus
    | WritingStatus
    | GatewayStatus
    | UnreadableStatus
    | Status
)


class Health(Body):
    """Whether the gateway works, and what runs behind it."""

    status: Literal["ok"] = Field(default="ok", description="The gateway itself works.")
    pipeline_running: bool = Field(
        description="Whether discovery, embedding, projection and writing each have a running "
        "instance."
    )
    bus: Literal["connected", "away"] = Field(description="Whether the bus answers.")
    services: dict[str, list[AnyStatus]] = Field(
        description="Of each service, what its instances tell about themselves."
    )
    waits: list[Waiting] = Field(
        default=[],
        description="What has not worked for some seconds, in any service; told to those who may "
        "read.",
    )


class Recomputed(Body):
    """The map after a command, or what a dry run would bring."""

    status: Literal["ok", "preview"] = Field(description="preview: nothing has changed.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    record_count: int = Field(ge=0, description="Records that the model is fitted to.")
    version: int = Field(ge=0, description="The current model.")
    movement: Movement | None = Field(
        default=None, description="How far points move; none before a first fit."
    )
    decision: Decision | None = Field(default=None, description="Why, in numbers.")
    would_be_held: bool | None = Field(
        default=None, description="Of a preview: whether it would need force."
    )


class Forgotten(Body):
    """A source whose records left the map."""

    status: Literal["ok"] = Field(default="ok", description="It is done.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    source_version: int = Field(ge=1, description="The version that has no records.")


class Settled(Body):
    """What became of the dead letters that were to be replayed or dropped."""

    status: Literal["ok"] = Field(default="ok", description="The command was carried out.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    letters: int = Field(ge=0, description="Dead letters that were sent again, or deleted.")
    records: int = Field(ge=0, description="Their records: in flight again, or given up for good.")
    refused: int = Field(ge=0, description="Dead letters that stay what they are.")
    refusals: list[RefusedLetter] = Field(
        description="Those that stay, at most a hundred, and why."
    )


class Renamed(Body):
    """A collection as a command has made it, or changed it."""

    status: Literal["ok"] = Field(default="ok", description="It is done.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    record: CollectionRecord = Field(description="What is kept of it now.")


class Created(Renamed):
    """A collection that was made."""

    next: str = Field(description="What happens now, for people.")


class SubmittedJobs(Body):
    """Jobs that were queued, one for each source."""

    status: Literal["ok"] = Field(default="ok", description="The command was carried out.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    job_ids: list[str] = Field(description="Ids of the jobs that there are.")
    jobs: list[SubmittedJob] = Field(description="For each source its job, or why it has none.")


class ChangedJob(Body):
    """A job that was cancelled, or queued again."""

    status: Literal["ok"] = Field(default="ok", description="It is done.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    job: JobRecord = Field(description="The job as it was then.")


class Operation(Body):
    """What became of a command."""

    id: str = Field(description="The command's correlation id.")
    state: State = Field(description="Where it stands.")
    collection: str = Field(description="The collection.")
    command: CommandName | None = Field(
        default=None, description="What was asked for; null if it was not asked for here."
    )
    result: (
        Recomputed | Forgotten | Settled | Renamed | Uploaded | SubmittedJobs | ChangedJob | None
    ) = Field(default=None, description="What was done; the files may still be on their way.")
    reason: str | None = Field(default=None, description="Why it was held or rejected.")
    is_unknown: bool = Field(
        default=False, description="If it was rejected: whether there is no such source."
    )
    version: int | None = Field(
        default=None, description="If it was held: the model that stays current."
    )
    movement: Movement | None = Field(
        default=None, description="If it was held: how far it would move points."
    )
    decision: Decision | None = Field(default=None, description="If it was held: why, in numbers.")


class Accepted(Body):
    """The command is on its way."""

    status: Literal["pending"] = Field(default="pending", description="It takes longer.")
    operation: str = Field(description="Where to ask what became of it.")
    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")


class Letter(Body):
    """What is known of a dead letter."""

    sequence: int = Field(ge=1, description="Its number: its place in stream DEAD_LETTERS.")
    stored_at: datetime = Field(description="When it was given up.")
    stage: str = Field(description="The stage that gave it up.")
    collection: str = Field(description="The collection.")
    reason: str = Field(description="Why.")
    attempts: int = Field(ge=0, description="How often it was tried.")
    records: int = Field(ge=0, description="Records that are dead with it.")
    filename: str | None = Field(description="Path of its source below its root.")
    line: int | None = Field(description="Its line there, from 1.")
    last_line: int | None = Field(description="Of a run of lines: the last of them.")
    byte_offset: int | None = Field(description="Where it begins there, in bytes from 0.")
    bytes: int = Field(ge=0, description="Its size at its origin.")
    record_id: str | None = Field(description="The record, if it is one.")
    source_id: str | None = Field(description="Hash of collection and filename.")
    source_version: int | None = Field(description="The version of the source.")
    batch_id: str | None = Field(description="The batch that it was part of, or is.")
    subject: str | None = Field(description="Of a whole message: where it was read.")


class WholeLetter(Letter):
    """A dead letter and what it holds."""

    text: str | None = Field(description="Its bytes as text; null if they are no UTF-8.")
    base64: str | None = Field(description="Its bytes, if they are no text.")
    rows: list[dict[str, Any]] | None = Field(
        description="Of a record or batch: its records without vectors; NaN is null."
    )


class LetterList(Body):
    """A page of dead letters, oldest first."""

    collection: str = Field(description="The collection.")
    total: int | None = Field(
        ge=0,
        description="Letters that fit the filters in all; null with `source`, since that would be "
        "a look at every letter.",
    )
    next_after: int | None = Field(
        description="`after` of the next page; null if this is the last. With `source`, a page "
        "may have fewer items than `limit`, or none, and not be the last."
    )
    items: list[Letter] = Field(description="The letters, without what they hold.")


class FileInfo(Body):
    """A public file."""

    bytes: int = Field(ge=0, description="Its size.")
    modified: datetime = Field(description="When it was replaced last.")


class CollectionInfo(Body):
    """A map."""

    name: str = Field(description="Its name.")
    records: int = Field(ge=0, description="Rows of the public files.")
    model_version: int | None = Field(description="The model of their coordinates.")
    dataset_version: int | None = Field(description="The dataset's version that they hold.")
    files: dict[str, FileInfo] = Field(description="The public files, by name.")


class StageQueue(Body):
    """What waits for a stage, in messages."""

    stage: str = Field(description="The service.")
    reads: str = Field(description="What these messages are.")
    waiting: int = Field(ge=0, description="Not delivered yet: its lag.")
    in_hand: int = Field(ge=0, description="Delivered and not settled.")
    settled_to: int = Field(
        ge=0,
        description="Place in the stream up to which all is settled. While something waits and "
        "this stays, the oldest message is not done.",
    )


class Queues(Body):
    """What waits for the stages."""

    collection: str = Field(description="Of which collection.")
    items: list[StageQueue] = Field(description="Each queue; a stage may have several.")


class Sources(SourceFigures):
    """The sources of one collection, and the ledger of their records."""

    collection: str = Field(description="The collection.")
