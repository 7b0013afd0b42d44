"""The parameters of requests about uploaded files and sources."""

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic.json_schema import SkipJsonSchema

from shared.contracts.source_list import MOST_TEXT, SourceKind, SourceStatus
from shared.http.marks import UPLOAD_HEADER

SourceId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{32}$", description="Its `source_id`, as the list has it.")
]
AfterFile = Annotated[
    str,
    Query(max_length=4096, description="Begin after this name; `next_after` of the page before."),
]
OfName = Annotated[
    str, Query(max_length=MOST_TEXT, description="Only those whose names have this in them.")
]
OfStates = Annotated[
    list[SourceStatus] | SkipJsonSchema[None],
    Query(description="Only those that are so; may be given more than once."),
]
OfKind = Annotated[
    SourceKind | SkipJsonSchema[None], Query(description="Only those that come from there.")
]
Said = Annotated[
    str,
    Header(
        alias=UPLOAD_HEADER,
        min_length=1,
        description="Any value. No form of a page can send it, so no other site can upload here.",
    ),
]
