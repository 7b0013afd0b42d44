"""What a source is, and the identities that follow from it."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.errors import ConfigurationError

SOURCE_ID_LENGTH = 32
_LOOKS_ESCAPED = re.compile(r"\\(?=x[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class SourceStat:
    """A source as one look at the outside found it.

    Everything that is said about the source's content is about its first ``size`` bytes: what is
    appended later belongs to the next look.
    """

    collection: str
    filename: str
    """Path below the root, with '/'; bytes that are no UTF-8 are written as ``\\xNN``."""
    path: str
    """How the repository opens it; may hold surrogates, so it never leaves the process."""
    size: int
    mtime_ns: int
    within: str | None = None
    """The folder that the content must lie in, whatever links the path goes by; none: anywhere."""
    ctime_ns: int = 0
    """When data or facts of the file last changed; nobody but the system can set it."""
    device: int = 0
    inode: int = 0
    is_link: bool = False
    """Whether a link below the root leads to it: then it may have a name of its own, too."""
    names: int = 1
    """How many hard links it has."""
    root: int = 0
    """Which of the roots that are read it was found below."""
    source_id: str = field(init=False)
    """The hash of collection and filename."""

    def __post_init__(self) -> None:
        """Make the id once: a look asks for it many times."""
        object.__setattr__(self, "source_id", source_id(self.collection, self.filename))

    @property
    def signature(self) -> tuple[int, int]:
        """What an unchanged source keeps: size and time of modification."""
        return self.size, self.mtime_ns


@dataclass(frozen=True, slots=True)
class StoredSource:
    """What is stored of a source, whatever the ledger says."""

    filename: str
    version: int
    """The highest that has rows; 0: none has."""
    rows: int


@dataclass(frozen=True, slots=True)
class HeldSource:
    """The newest version of a source that the dataset knows."""

    source_id: str
    filename: str | None
    """None if it has no rows."""
    version: int
    rows: int


@dataclass(frozen=True, slots=True)
class FolderUnreadable:
    """A folder of a root that could not be listed; the sources in it are not seen."""

    collection: str
    path: str
    reason: str


def source_id(collection: str, filename: str) -> str:
    """Hash collection and filename to a source's id."""
    digest = hashlib.sha256(f"{collection}\0{filename}".encode()).hexdigest()
    return digest[:SOURCE_ID_LENGTH]


def batch_id(
    collection: str, source: str, version: int, fingerprint: str, index: int, rules: str = ""
) -> str:
    """Hash what identifies a batch; a JSON list keeps the parts apart.

    The version is part of it: a source that gets an old content back is a new version, and its
    batches are not those that were taken off the map before. So is what decides where the batch
    begins and ends; the one batch of a version that is forgotten is cut by nothing.
    """
    parts = [collection, source, version, fingerprint, index]
    cut_by = [rules] if rules else []
    return hashlib.sha256(json.dumps([*parts, *cut_by]).encode()).hexdigest()


def display_name(path: str) -> str:
    r"""Return a path as text that every encoder takes, with '/' between its parts.

    Bytes that are no UTF-8 are written as ``\xNN``; where a name itself looks like that, its
    backslash is written as ``\x5c``, so that different paths never get the same text.
    """
    if os.sep == "/" and path.isascii() and "\\" not in path:
        return path
    text = _LOOKS_ESCAPED.sub(r"\\x5c", os.fsencode(path).decode("utf-8", "surrogateescape"))
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text.replace(os.sep, "/")


def require_distinct(stats: Iterable[SourceStat]) -> None:
    """Check that no two sources of a collection share a filename, since their ids would clash.

    Raises:
        ConfigurationError: Names both paths and the remedy.
    """
    paths: dict[str, SourceStat] = {}
    for stat in stats:
        first = paths.setdefault(stat.source_id, stat)
        if first.path != stat.path:
            raise ConfigurationError(
                f"{display_name(first.path)} and {display_name(stat.path)} are both "
                f"'{stat.filename}' in collection '{stat.collection}': give their roots in "
                "ingestion.sources a common parent, or a collection each"
            )


def folded(name: str) -> str:
    """Return what names have in common that a reader takes for the same."""
    return unicodedata.normalize("NFKC", name).casefold()
