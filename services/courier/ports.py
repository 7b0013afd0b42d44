"""What the handlers need from outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from services.courier.domain.analysis import Standing
from services.courier.domain.targets import Target
from shared.contracts.analysis import AnalysisNoted, NoteAnalysis
from shared.contracts.fetching import DeliverFetch, FetchDelivered, FetchesTaken, TakeFetches
from shared.errors import MapstreamError


class RefusedError(MapstreamError):
    """It cannot be fetched, however often it is tried; says why, for people."""


class BrokenError(MapstreamError):
    """It could not be fetched now; says why, for people."""

    def __init__(self, reason: str, *, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s
        """So long the server asks to wait."""


class AwayError(BrokenError):
    """Nobody lets himself be connected to where the analysis service should be."""


class Resolver(Protocol):
    """Knows the addresses of hosts."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, best first; never none.

        Raises:
            BrokenError: The host is not known, or nobody knows at present.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, redirects followed; its body comes piece by piece."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    target: Target
    """Who answered."""
    pieces: AsyncIterator[bytes]
    """The body, unpacked. May raise ``BrokenError``, and ``RefusedError`` if it is packed in a
    way that was not asked for, or is longer than the limit as it comes."""


class Web(Protocol):
    """Asks servers outside, after it has looked where they are."""

    def get(
        self, target: Target, headers: Mapping[str, str], most_bytes: int
    ) -> AbstractAsyncContextManager[Answer]:
        """Ask, and follow redirects: each is looked at as the first.

        Args:
            target: What is asked for.
            headers: Sent with it, also after a redirect.
            most_bytes: The longest body, as it comes.

        Raises:
            RefusedError: It leads to no public address, or on for too long.
            BrokenError: There was no answer.
        """
        ...


class IncomingFile(Protocol):
    """A file that is coming; what of it was not kept is gone when it is closed."""

    @property
    def size(self) -> int:
        """Bytes of it so far."""
        ...

    @property
    def sha256(self) -> str:
        """Of what was written, in hex."""
        ...

    @property
    def md5(self) -> str:
        """Of what was written, in hex."""
        ...

    async def write(self, piece: bytes) -> None:
        """Write the next bytes.

        Raises:
            RefusedError: They are more than may be.
            TransientError: They cannot be stored.
        """
        ...

    async def flush(self) -> None:
        """Write what is still held.

        Raises:
            RefusedError: It is more than may be.
            TransientError: It cannot be stored.
        """
        ...

    async def keep(self, note: "FileNote") -> None:
        """Have it kept under its hash.

        Raises:
            TransientError: It cannot be stored.
        """
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNote:
    """What is noted beside a file."""

    collection: str
    filename: str
    url: str | None
    """Where it was fetched from; None: it was handed in."""
    media_type: str
    by: str


class FileStore(Protocol):
    """Where fetched files lie until discovery reads them."""

    async def has(self, blob: str, job_id: str) -> bool:
        """Tell whether a file that was kept for a job is still there.

        Raises:
            TransientError: Nobody can look.
        """
        ...

    async def url(self, blob: str, job_id: str) -> str | None:
        """Return an address from which others may load a file for a day; none: by a folder.

        Raises:
            TransientError: It cannot be made now.
        """
        ...

    def begin(self, job_id: str) -> IncomingFile:
        """Begin a file; nothing is made before its first byte."""
        ...

    async def clean(self) -> int:
        """Remove what those have left who died while they stored something; count it.

        Raises:
            TransientError: It cannot be removed.
        """
        ...

    def why_unreadable(self, head: bytes, filename: str) -> str | None:
        """Say by its beginning why a file is none that is read; None: it may be."""
        ...


class ListStore(Protocol):
    """Where the text of a list of sources is taken from, once it is there."""

    def pop(self, blob: str) -> bytes:
        """Return what was kept by that hash, and keep it no longer."""
        ...


class Errands(Protocol):
    """Knows what is to be fetched, and hears what came of it."""

    async def take(self, asked: TakeFetches) -> FetchesTaken:
        """Return what is to be fetched by this courier.

        Raises:
            TransientError: Nobody answers.
        """
        ...

    async def deliver(self, told: DeliverFetch) -> FetchDelivered:
        """Tell what came of it; harmless when it is told again.

        Raises:
            TransientError: Nobody answers.
        """
        ...

    async def note(self, told: NoteAnalysis) -> AnalysisNoted:
        """Tell how far the analysis of a file is; harmless when it is told again.

        Raises:
            TransientError: Nobody answers.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What an analysis service is asked to read."""

    blob: str
    filename: str
    collection: str
    key: str
    """The same key is the same wish, however often it is sent."""
    url: str | None = None
    """From where it may be loaded; none: it lies in a folder that both see."""


class Analyser(Protocol):
    """A service outside that reads files instead of us."""

    async def check(self) -> None:
        """See that it is well.

        Raises:
            RefusedError: It is no analysis service.
            AwayError: Nobody is there.
            BrokenError: It is not well now.
        """
        ...

    async def begin(self, file: HandedOver) -> str:
        """Hand a file over; returns what the service calls it.

        Raises:
            RefusedError: It does not take it, or answers what is no answer.
            AwayError: Nobody is there.
            BrokenError: It could not take it now.
        """
        ...

    async def look(self, remote_id: str) -> Standing:
        """Ask how far it is.

        Raises:
            RefusedError: It does not know of it, or answers what is no answer.
            AwayError: Nobody is there.
            BrokenError: It could not say now.
        """
        ...

    def records(
        self, url: str, most_bytes: int
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Give what it has found, piece by piece.

        Raises:
            RefusedError: There is nothing, or it is longer than it may be.
            BrokenError: It breaks off.
        """
        ...
