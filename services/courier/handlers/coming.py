"""A file that is fetched, over several tries: what came of it, and of which content."""

from dataclasses import dataclass

from services.courier.domain.headers import (
    Expected,
    Validators,
    expected_of,
    goes_on_at,
    length_of,
    validators_of,
)
from services.courier.domain.names import media_type_of, name_of
from services.courier.domain.targets import Target, is_google_sheet
from services.courier.ports import (
    Answer,
    BrokenError,
    FileNote,
    FileStore,
    IncomingFile,
    RefusedError,
)
from shared.contracts.fetching import FetchWork
from shared.contracts.uploads import file_name
from shared.failpoints import Failpoint, reached

HEAD = 64 << 10
"""So much is looked at before anything is written: by it a file is known."""
PARTIAL, NOT_SATISFIABLE = 206, 416
NOT_SHARED = (
    "Google asks for a login: share the sheet with everybody who has the link, or fetch a copy "
    "that is published"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is there."""

    blob: str
    size: int
    filename: str
    validators: Validators


@dataclass(slots=True)
class Received:
    """How much of a file has come, for whoever looks while it comes."""

    size: int = 0
    total: int | None = None
    """As its server says, if it does."""


class ComingFile:
    """One file over several tries: what came of it, and of which content."""

    def __init__(
        self, work: FetchWork, target: Target, store: FileStore, received: Received
    ) -> None:
        self.target = target
        self._received = received
        self.known = Validators(work.etag, work.modified) if work.etag or work.modified else None
        """Of the content that was fetched before."""
        self._work = work
        self._store = store
        self._file: IncomingFile | None = None
        self._head = bytearray()
        self._is_looked_at = False
        self._validators = Validators()
        self._is_packed = False
        self._name = ""
        self._media_type = ""
        self._expected: Expected | None = None
        self._is_google = work.url is not None and is_google_sheet(work.url)

    def asked(self) -> dict[str, str]:
        """Return the headers of the next try."""
        etag = self._validators.strong_etag
        if self._file is not None and self._file.size and etag and not self._is_packed:
            return {"range": f"bytes={self._file.size}-", "if-range": etag}
        if self.known is None:
            return {}
        if self.known.etag:
            return {"if-none-match": self.known.etag}
        return {"if-modified-since": self.known.modified or ""}

    async def begin(self, answer: Answer) -> None:
        """Go on with what is there if the answer is the rest of it; else begin anew.

        Raises:
            BrokenError: It is a part that does not follow.
        """
        etag = self._validators.strong_etag
        if answer.status in (PARTIAL, NOT_SATISFIABLE):
            size = self._file.size if self._file is not None else 0
            is_next = answer.status == PARTIAL and etag and size
            if is_next and etag and goes_on_at(answer.headers, size, etag):
                self._expect(size, answer)
                return
            await self.drop()
            raise BrokenError(f"{answer.target.shown} sends a part that was not asked for")
        await self.drop()
        self._validators = validators_of(answer.headers)
        self._is_packed = "content-encoding" in answer.headers
        self._media_type = media_type_of(answer.headers)
        self._name = self._work.filename or file_name(name_of(answer.target.url, answer.headers))
        self._expected = expected_of(answer.headers)
        self._file = self._store.begin(self._work.job)
        self._expect(0, answer)

    def _expect(self, size: int, answer: Answer) -> None:
        """Note from which byte on an answer goes, and how many there will be."""
        length = None if self._is_packed else length_of(answer.headers)
        self._received.size = size
        self._received.total = None if length is None else size + length

    async def take(self, piece: bytes) -> None:
        """Take the next bytes; the first ones are looked at before any is written.

        Raises:
            RefusedError: It is nothing that is read, or longer than it may be.
            TransientError: It cannot be stored.
        """
        self._received.size += len(piece)
        if self._is_looked_at and self._file is not None:
            await self._file.write(piece)
            return
        self._head += piece
        if len(self._head) >= HEAD:
            await self.look()

    async def look(self, *, is_whole: bool = False) -> None:
        """Look at what it is, by its beginning, and write that.

        Raises:
            RefusedError: It is nothing that is read.
            TransientError: It cannot be stored.
        """
        if self._file is None or self._is_looked_at or not (self._head or is_whole):
            return
        head, self._head = bytes(self._head), bytearray()
        if (why := self._store.why_unreadable(head[:HEAD], self._name)) is not None:
            is_page = self._media_type == "text/html"
            raise RefusedError(NOT_SHARED if self._is_google and is_page else f"what came: {why}")
        self._is_looked_at = True
        await self._file.write(head)

    async def finish(self) -> Fetched:
        """Keep it.

        Raises:
            BrokenError: Its bytes are not those that the server announced.
            TransientError: It cannot be stored.
        """
        file = self._file
        if file is None:
            raise BrokenError("nothing came of it")
        await file.flush()
        if (expected := self._expected) is not None:
            found = file.sha256 if expected.algorithm == "sha256" else file.md5
            if found != expected.hexadecimal:
                await self.drop()
                raise BrokenError(
                    f"{self.target.shown}: its bytes are not those that the server has, by the "
                    f"{expected.algorithm} that it tells"
                )
        work, size, sha256 = self._work, file.size, file.sha256
        reached(Failpoint.FETCHED)
        note = FileNote(
            collection=work.collection,
            filename=self._name,
            url=work.url,
            media_type=self._media_type,
            by=work.by,
        )
        await file.keep(note)
        reached(Failpoint.KEPT)
        return Fetched(blob=sha256, size=size, filename=self._name, validators=self._validators)

    async def drop(self) -> None:
        """Let go of what came, unless it is kept."""
        file, self._file = self._file, None
        self._head.clear()
        self._is_looked_at = False
        if file is not None:
            await file.close()
