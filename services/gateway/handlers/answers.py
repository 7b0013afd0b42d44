"""The bodies of the answers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.domain.operations import State
from shared.contracts.collections import CollectionRecord
from shared.contracts.commands import CommandName
from shared.contracts.dead_letter_events import RefusedLetter
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


class Body(BaseModel):
    """A JSON body of an answer."""

    model_config = ConfigDict(frozen=True)


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


class Operation(Body):
    """What became of a command."""

    id: str = Field(description="The command's correlation id.")
    state: State = Field(description="Where it stands.")
    collection: str = Field(description="The collection.")
    command: CommandName | None = Field(
        default=None, description="What was asked for; null if it was not asked for here."
    )
    result: Recomputed | Forgotten | Settled | Renamed | None = Field(
        default=None, description="What was done; the files may still be on their way."
    )
    reason: str | None = Field(default=None, description="Why it was held or rejected.")
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


class ModelFacts(Body):
    """What a model says of itself, its plane excepted."""

    version: int = Field(ge=1, description="Counts up by one with every model.")
    parent: int | None = Field(description="The version it replaced; null for the first.")
    dimension: int = Field(ge=1, description="Length of a vector.")
    explained_variance_ratio: list[float] = Field(
        min_length=2, max_length=2, description="Share of the variance along each component."
    )
    record_count: int = Field(ge=0, description="Records that the model was fitted to.")
    reason: str = Field(description="Why it was fitted.")
    created_at: datetime = Field(description="When it was fitted.")
    explained_variance: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="Variance along each component; null of models of older versions.",
    )


class WholeModel(ModelFacts):
    """A model: ``(vector - mean) @ components.T`` gives x and y."""

    collection: str = Field(description="The collection whose vectors it projects.")
    mean: str = Field(description="d little-endian float32, base64.")
    components: str = Field(description="2 rows of d little-endian float32, base64.")


class ModelSummary(ModelFacts):
    """A model, without its plane."""

    is_current: bool = Field(description="Whether the public files hold its coordinates.")


class ModelPage(Body):
    """A piece of the history, newest first."""

    collection: str = Field(description="The collection.")
    total: int = Field(ge=0, description="Models in all.")
    limit: int = Field(ge=1, description="The most that were asked for.")
    offset: int = Field(ge=0, description="How many newer ones were left out.")
    items: list[ModelSummary] = Field(description="The models.")


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


class Sources(SourceFigures):
    """The sources of one collection, and the ledger of their records."""

    collection: str = Field(description="The collection.")
