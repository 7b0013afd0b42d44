"""Files behind URLs, as the ledger knows them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from services.discovery.domain.analyses import Begun
from services.discovery.domain.jobs import Job
from services.discovery.domain.uploads import ColumnRule

MOST_TAKES = 10
"""So many couriers may take a job up, one after the other died: then it is the file's fault."""
TOO_OFTEN = (
    f"{MOST_TAKES} couriers have ended while they fetched it; look at their logs before another "
    "try"
)
NOBODY = (
    "no courier has asked for it: see that the service courier runs and reaches the bus, then "
    "retry the job"
)
LONGEST_NAME = 100
FORBIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOrder:
    """Files that are wanted, a job for each."""

    collection: str
    urls: Sequence[str]
    filename: str | None = None
    text_columns: Sequence[str] = ()
    context_columns: Sequence[str] | None = None
    columns: ColumnRule = "preferred"
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchErrand:
    """What is to be fetched for a running job, or only to be analysed."""

    job: Job
    url: str | None
    """Where it lies; none: it was handed in, and is what has begun."""
    filename: str | None
    """What it is to be called; none: as its server says."""
    text_columns: tuple[str, ...] = ()
    context_columns: tuple[str, ...] | None = None
    etag: str | None = None
    """Of what was fetched before, if that is on the map."""
    modified: str | None = None
    is_analyzed: bool = False
    """Whether an analysis service is to read it, where there is one."""
    has_records: bool = False
    """Whether what is there was made by one."""
    begun: Begun | None = None
    """How far its analysis came before."""


def name_by_url(url: str) -> str:
    """Return what a file is called until its server has said so: the last part of its path."""
    parts = urlsplit(url)
    last = unquote(parts.path, errors="replace").rstrip("/").rpartition("/")[2]
    for given in (last, parts.hostname or ""):
        plain = unicodedata.normalize("NFC", re.split(r"[/\\\\]", given)[-1])
        seen = "".join(one for one in plain if unicodedata.category(one) not in FORBIDDEN)
        if (name := seen.strip()[-LONGEST_NAME:].strip()) not in ("", ".", ".."):
            return name
    return "file"
