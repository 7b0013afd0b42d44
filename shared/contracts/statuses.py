"""What a service tells of itself when it is asked: the fields that others go by, as they must be.

Each service adds what it likes. A status that is not of this shape, of another release perhaps or
of a stranger, is not believed: whoever reads one would fail over it.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

UNREADABLE = "unreadable"
"""The state of a service whose status has another shape."""


class _Told(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Wait(_Told):
    what: str = Field(default="", description="What is tried again and again.")
    reason: str = Field(description="Why it did not work the last time.")
    since: str = Field(description="When it stopped to work, ISO 8601.")


class _Source(_Told):
    filename: str = Field(description="The source's path below its root.")


class _Stalled(_Source):
    stage: str = Field(description="What holds it.")
    since: str = Field(description="When its numbers last changed, ISO 8601.")
    in_flight: int = Field(description="Its records of which nothing was heard yet.")


class _Collection(_Told):
    records: int | dict[str, int] = Field(
        default=0,
        description="Of discovery: seen, mapped, dead, in flight; of projection: counted.",
    )
    sources: dict[str, int] = Field(default={}, description="State of a source to how many.")
    failures: list[dict[str, str]] = Field(
        default=[], description="Sources and folders that could not be read, and why."
    )
    incomplete: list[_Source] = Field(default=[], description="Some incomplete sources.")
    incomplete_sources: int = Field(default=0, description="How many there are.")
    stalled: list[_Stalled] = Field(default=[], description="Some sources that stand still.")
    stalled_sources: int = Field(default=0, description="How many there are.")
    has_looked: bool = Field(default=False, description="Whether all folders were looked at.")
    version: int = Field(default=0, description="The current model; 0: none.")
    explained_variance_ratio: Annotated[list[float], Field(min_length=2, max_length=2)] | None = (
        Field(default=None, description="Share of the variance along each of its axes.")
    )
    is_stale: bool = Field(
        default=False, description="Whether anything was counted after the last fit."
    )
    held: dict[str, Any] | None = Field(default=None, description="A refit that waits for force.")
    rows: int = Field(default=0, description="Rows of the dataset.")
    dataset_version: int = Field(default=0, description="Version of the dataset.")
    model_version: int = Field(default=0, description="The model of its coordinates.")
    is_fresh: bool = Field(
        default=False, description="Whether the public files hold the present dataset."
    )
    blocked: str | None = Field(default=None, description="Why the dataset cannot be written.")


class _Status(_Told):
    state: str = Field(description="What the service is at, such as running or standby.")
    halted: str | None = Field(default=None, description="Why it gives nothing more up.")
    blocked: str | None = Field(default=None, description="Why nothing gets on.")
    waits: list[_Wait] = Field(default=[], description="What has not worked for some seconds.")
    traffic: dict[str, dict[str, float]] = Field(
        default={}, description="Subject to figures of what was handled."
    )
    collections: dict[str, _Collection] = Field(
        default={}, description="Collection to what the service tells of it."
    )


def checked_status(status: Any) -> Mapping[str, Any]:
    """Return a status as it is if it can be gone by, else one that says that it cannot."""
    try:
        _Status.model_validate(status)
    except ValidationError as error:
        mistake = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in mistake["loc"])
        return {"state": UNREADABLE, "unreadable": f"{where}: {mistake['msg']}"}
    return status
