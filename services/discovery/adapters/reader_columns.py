"""Which columns a file has, by a reader in a process of its own."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import closing

from anyio import to_thread

from services.discovery.adapters.reader_format import HEAD_BYTES, is_head_of_run
from services.discovery.domain.uploads import UploadedFile
from shared.blobs.ports import Blobs
from shared.errors import TransientError
from shared.readers.errors import UnreadableFileError
from shared.readers.in_process import read_in_process
from shared.readers.parts import Recognised, Table
from shared.readers.told import Told

STEPS = "agent-run"
"""What is no table: nobody chooses the columns of steps."""


class ReaderColumns:
    """Looks into uploaded files, one at a time."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._turn = asyncio.Lock()

    async def columns(self, file: UploadedFile) -> Sequence[str]:
        """See ColumnReader."""
        async with self._turn:
            try:
                return await to_thread.run_sync(self._columns, file)
            except OSError as error:
                raise TransientError(f"the bytes of '{file.filename}': {error}") from error

    def _columns(self, file: UploadedFile) -> Sequence[str]:
        try:
            with (
                self._blobs.reading(file.blob) as path,
                path.open("rb") as opened,
                closing(read_in_process(opened, file.filename, Told())) as parts,
            ):
                is_table = not is_head_of_run(opened.read(HEAD_BYTES))
                opened.seek(0)
                return _first(parts) if is_table else ()
        except (UnreadableFileError, FileNotFoundError):
            return ()


def _first(parts: Iterable[object]) -> Sequence[str]:
    for one in parts:
        if isinstance(one, Recognised) and one.format == STEPS:
            return ()
        if isinstance(one, Table):
            return one.columns
    return ()
