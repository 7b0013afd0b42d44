"""What is said of the files of an upload."""

from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.gateway.domain.parts import MOST_OPTIONS, Incoming, PartBegun, PartEnded
from shared.contracts.uploads import ColumnRule, Columns
from shared.errors import MapstreamError

OPTIONS = "options"


class UploadRefusedError(MapstreamError):
    """A whole request cannot be taken; says why."""


class UploadOptions(BaseModel):
    """What is said of all files of a request; JSON, before them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    replace: bool = Field(
        default=False,
        description="Whether a file takes the place of the uploaded one of its name; else it "
        "becomes `name (2).ext`.",
    )
    text_columns: Columns = Field(
        default=(),
        description="Of tables, the columns that make the text of a record; none: all of them.",
    )
    context_columns: Columns | None = Field(
        default=None,
        description="Of tables, the columns that are kept as attributes; null: all that make no "
        "text.",
    )
    columns: ColumnRule = Field(
        default="preferred",
        description="preferred: where no columns are named, those that the collection prefers; "
        "own: those that are named here, or all; kept: those, and the collection prefers them "
        "from now on.",
    )


async def read_options(part: PartBegun, parts: AsyncIterator[Incoming]) -> UploadOptions:
    """Read what is said of the files.

    Raises:
        UploadRefusedError: It cannot be understood.
    """
    if part.field != OPTIONS:
        raise UploadRefusedError(
            f"there is no field '{part.field:.100}'; there are '{OPTIONS}' and files"
        )
    said = bytearray()
    async for piece in parts:
        if isinstance(piece, PartEnded):
            break
        if isinstance(piece, bytes):
            said += piece
        if len(said) > MOST_OPTIONS:
            raise UploadRefusedError(f"'{OPTIONS}' is longer than {MOST_OPTIONS} bytes")
    try:
        return UploadOptions.model_validate_json(bytes(said))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(one) for one in (OPTIONS, *first["loc"]))
        raise UploadRefusedError(f"{where}: {first['msg']}") from error
