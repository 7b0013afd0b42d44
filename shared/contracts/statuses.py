"""What a service tells of itself when it is asked: over the bus, and at ``/health``.

Everything beyond ``state`` may be missing, as it is with an older release, and then has its
default; what a newer release tells besides is kept and passed on.
``shared.contracts.status_reading`` reads a status: one of another shape is named, and gone by in
nothing.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypedDict

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from shared.contracts.projection import Decision, Movement
from shared.contracts.times import parse_time

UNREADABLE = "unreadable"
"""The state of a service whose status has another shape."""

Time = Annotated[AwareDatetime, BeforeValidator(parse_time)]
Count = Annotated[int, Field(ge=0)]


class Told(BaseModel):
    """A part of a status."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class Wait(Told):
    """Something that has not worked for some seconds, and is waited for or tried again."""

    what: str = Field(default="", description="What it waits for, or tries.")
    reason: str = Field(description="The last error.")
    since: Time = Field(description="When it failed for the first time.")


class Traffic(Told):
    """What a service counted of a collection since it was started."""

    records_in: float = Field(default=0.0, description="Records that came in.")
    records_out: float = Field(default=0.0, description="Records that went out.")
    failed: float = Field(default=0.0, description="Failures of handlers.")
    redelivered: float = Field(default=0.0, description="Messages that came again.")
    dead: float = Field(default=0.0, description="Records that were given up.")
    handled: float = Field(default=0.0, description="Calls of handlers.")
    handling_s: float = Field(default=0.0, description="How long those took together, seconds.")
    aged: float = Field(default=0.0, description="Batches that it was done with.")
    age_s: float = Field(
        default=0.0, description="How old those were then, together, seconds since they were sent."
    )


class Ledger(Told):
    """Records; at any moment ``seen = mapped + dead + in_flight``."""

    seen: Count = Field(default=0, description="Found.")
    mapped: Count = Field(default=0, description="In the dataset.")
    dead: Count = Field(default=0, description="Dead-lettered.")
    in_flight: Count = Field(default=0, description="On their way.")
    dropped: Count = Field(
        default=0, description="Of the dead: those that somebody gave up for good."
    )
    held: Count = Field(
        default=0,
        description="Of those in flight: they are embedded and wait beside the map, since too "
        "much of their version died.",
    )


class FailedSource(Told):
    """A source or folder that could not be read, or a source whose new version is held back."""

    filename: str = Field(description="Its path below its root.")
    reason: str = Field(description="What went wrong.")
    is_held: bool = Field(
        default=False,
        description="Whether it was read, and its new version is held back since too much of it "
        "died: the version before stays on the map.",
    )


class IncompleteSource(Told):
    """A source whose end is not there yet, so that it is not read."""

    filename: str = Field(description="The source's path below its root, with '/'.")
    why: str | None = Field(
        default=None,
        description="empty, no_json_at_end, no_final_answer, changed_lately or no_sidecar.",
    )
    reason: str | None = Field(default=None, description="The same in words.")
    since: Time | None = Field(default=None, description="When it was first found so.")


class GoneSource(Told):
    """A source that was mapped and is not there any more."""

    filename: str = Field(description="Its path below its root.")
    since: Time = Field(description="When it was first missed.")
    mapped: Count = Field(description="Its records that stay on the map.")
    same_as: str | None = Field(
        default=None, description="Filename under which the same file is read now."
    )


class StalledSource(Told):
    """A source whose numbers have not changed for long."""

    filename: str = Field(description="Its path below its root.")
    stage: str = Field(description="The stage that holds it; bus: it was lost there.")
    since: Time = Field(description="When its numbers last changed.")
    in_flight: Count = Field(description="Its records of which nothing was heard yet.")


class ContradictedBatch(Told):
    """A batch of which two things were told that cannot both be true."""

    filename: str = Field(description="Its source's path below its root.")
    batch_id: str = Field(description="Its id.")
    what: str = Field(description="What was told, with the numbers.")
    since: Time = Field(description="When that was found.")


class SourceFigures(Told):
    """The sources of a collection, and the ledger of their records."""

    sources: dict[str, Count] = Field(default={}, description="Number of sources by status.")
    records: Ledger = Field(default=Ledger(), description="Their records.")
    failures: list[FailedSource] = Field(
        default=[], description="Some of those that could not be read."
    )
    incomplete_sources: Count = Field(default=0, description="How many are incomplete.")
    incomplete: list[IncompleteSource] = Field(
        default=[], description="Some of those, why, and since when."
    )
    gone_sources: Count = Field(
        default=0, description="How many were mapped and are not there any more."
    )
    gone: list[GoneSource] = Field(default=[], description="Some of those, and since when.")
    stalled_sources: Count = Field(default=0, description="How many stand still.")
    stalled: list[StalledSource] = Field(
        default=[],
        description="Some of those that stand still, and which stage holds them.",
    )
    contradicted_batches: Count = Field(
        default=0, description="Of how many batches two things were told that cannot be true."
    )
    contradicted: list[ContradictedBatch] = Field(
        default=[], description="Some of those, and what was told."
    )
    has_looked: bool = Field(default=False, description="Whether every source was looked at once.")
    is_compared: bool = Field(
        default=True, description="Whether the ledger was found to belong to the dataset."
    )


class HeldRefit(Told):
    """A refit that waits for force."""

    movement: Movement = Field(description="What it would bring.")
    decision: Decision = Field(description="Why it was called for and why it is held.")
    revision: Count = Field(default=0, description="The state of the moments that it was for.")


class ModelFigures(Told):
    """What is counted of a collection, and its model."""

    records: Count = Field(default=0, description="Records whose vectors are counted.")
    pending: Count = Field(
        default=0, description="Batches of which it is not known yet whether they are stored."
    )
    in_doubt: Count = Field(
        default=0,
        description="Batches that are stored with vectors that never came, so they do not count.",
    )
    version: Count = Field(default=0, description="The current model; 0: none.")
    is_stale: bool = Field(
        default=False, description="Whether anything was counted after the last fit."
    )
    explained_variance_ratio: Annotated[list[float], Field(min_length=2, max_length=2)] | None = (
        Field(default=None, description="Share of the variance along each of its axes.")
    )
    held: HeldRefit | None = Field(default=None, description="A refit that waits for force.")
    is_compared: bool = Field(
        default=True, description="Whether the moments were found to belong to the dataset."
    )


class DatasetFigures(Told):
    """The dataset of a collection, and its public files."""

    rows: Count = Field(default=0, description="Rows of the dataset.")
    dataset_version: Count = Field(default=0, description="Version of the dataset.")
    model_version: Count = Field(default=0, description="The model of its coordinates; 0: none.")
    is_fresh: bool = Field(
        default=False, description="Whether the public files hold the present dataset."
    )
    blocked: str | None = Field(default=None, description="Why the dataset cannot be written.")


class Status(Told):
    """What every service tells of itself."""

    service: str = Field(default="", description="Its name.")
    state: str = Field(
        description="What it is at: starting, standby, waiting, running, halted or stopping."
    )
    halted: str | None = Field(default=None, description="Why it gives nothing more up.")
    waits: list[Wait] = Field(default=[], description="What has not worked for some seconds.")
    traffic: dict[str, Traffic] = Field(
        default={}, description="What it counted since it was started, by collection."
    )
    collections: Mapping[str, Told] = Field(
        default={}, description="What it tells of each collection that it serves."
    )


class Common(TypedDict):
    """The fields that the runtime fills in, the same for every service."""

    service: str
    state: str
    halted: str | None
    waits: list[Wait]
    traffic: dict[str, Traffic]


class DiscoveryStatus(Status):
    """What discovery tells: sources, and where every record is."""

    collections: Mapping[str, SourceFigures] = Field(
        default={}, description="The sources of each collection, and where every record is."
    )


class EmbeddingStatus(Status):
    """What embedding tells: how its server is."""

    blocked: str | None = Field(
        default=None, description="Why nothing can be embedded, if so; it may name collections."
    )
    blocked_collections: dict[str, str] = Field(
        default={}, description="Why nothing can be embedded of each of these; others go on."
    )
    texts: Count = Field(default=0, description="Records that got a vector since it was started.")
    recalled: Count = Field(
        default=0, description="Texts whose vector was known from before, and not asked for."
    )
    rejected: Count = Field(default=0, description="Records whose text the server refused.")
    dimensions: dict[str, int] = Field(
        default={}, description="Length of the vectors of each collection, as far as known."
    )


class ProjectionStatus(Status):
    """What projection tells: moments and models."""

    collections: Mapping[str, ModelFigures] = Field(
        default={}, description="What is counted of each collection, and its model."
    )


class WritingStatus(Status):
    """What writing tells: datasets and public files."""

    collections: Mapping[str, DatasetFigures] = Field(
        default={}, description="The dataset of each collection."
    )


class GatewayStatus(Status):
    """What the gateway tells: where it listens."""

    url: str | None = Field(default=None, description="Where it listens.")
    streams: Count = Field(default=0, description="Streams of events that go on.")


class UnreadableStatus(Status):
    """The status of a service that told something of another shape."""

    state: Literal["unreadable"] = Field(default=UNREADABLE, description="That it cannot be read.")
    unreadable: str = Field(description="The field, and what is wrong with it.")


STATUSES: Mapping[str, type[Status]] = {
    "discovery": DiscoveryStatus,
    "embedding": EmbeddingStatus,
    "projection": ProjectionStatus,
    "writing": WritingStatus,
    "gateway": GatewayStatus,
}
"""What each service tells; another, of a newer release or somebody's own, tells a ``Status``."""
