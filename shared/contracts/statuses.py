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
    what: str = ""
    reason: str
    since: str


class _Source(_Told):
    filename: str


class _Stalled(_Source):
    stage: str
    since: str
    in_flight: int


class _Collection(_Told):
    records: int | dict[str, int] = 0
    sources: dict[str, int] = {}
    failures: list[dict[str, str]] = []
    incomplete: list[_Source] = []
    incomplete_sources: int = 0
    stalled: list[_Stalled] = []
    stalled_sources: int = 0
    has_looked: bool = False
    version: int = 0
    explained_variance_ratio: Annotated[list[float], Field(min_length=2, max_length=2)] | None = (
        None
    )
    is_stale: bool = False
    held: dict[str, Any] | None = None
    rows: int = 0
    dataset_version: int = 0
    model_version: int = 0
    is_fresh: bool = False
    blocked: str | None = None


class _Status(_Told):
    state: str
    halted: str | None = None
    blocked: str | None = None
    waits: list[_Wait] = []
    traffic: dict[str, dict[str, float]] = {}
    collections: dict[str, _Collection] = {}


def checked_status(status: Any) -> Mapping[str, Any]:
    """Return a status as it is if it can be gone by, else one that says that it cannot."""
    try:
        _Status.model_validate(status)
    except ValidationError as error:
        mistake = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in mistake["loc"])
        return {"state": UNREADABLE, "unreadable": f"{where}: {mistake['msg']}"}
    return status
