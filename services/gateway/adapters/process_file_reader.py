"""Looks into uploaded files: at their first bytes, or, by a process of its own, at all of them."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from anyio import to_thread

from services.gateway.ports.uploads import UnreadableUploadError
from shared.readers.errors import UnreadableFileError
from shared.readers.in_process import read_in_process
from shared.readers.parts import Table
from shared.readers.preview import Preview, preview_of
from shared.readers.recognise import recognise
from shared.readers.told import Told

AT_ONCE = 2
"""Processes that read: each may take half a gigabyte."""
NAMED = 1000


class ProcessFileReader:
    """Reads files as discovery will."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def why_not(self, path: Path, name: str, columns: Sequence[str]) -> str | None:
        """See the port."""
        if reason := await to_thread.run_sync(_why_unknown, path, name):
            return reason
        if not columns:
            return None
        async with self._turns:
            return await to_thread.run_sync(_missing, path, name, columns)

    async def preview(self, path: Path, name: str) -> Preview:
        """See the port."""
        async with self._turns:
            return await to_thread.run_sync(partial(_preview, path, name))


def _why_unknown(path: Path, name: str) -> str | None:
    with path.open("rb") as file:
        try:
            recognise(file, name)
        except UnreadableFileError as error:
            return str(error)
    return None


def _missing(path: Path, name: str, columns: Sequence[str]) -> str | None:
    """Say which of some columns the first table has not; nothing if it has all."""
    try:
        with path.open("rb") as file, closing(read_in_process(file, name, Told())) as parts:
            first = next((one for one in parts if isinstance(one, Table)), None)
    except UnreadableFileError as error:
        return str(error)
    there = first.columns if first else ()
    missing = [one for one in columns if one not in there]
    if not missing:
        return None
    return f"it has no column {missing[0]!r}; it has: {', '.join(there)[:NAMED]}"


def _preview(path: Path, name: str) -> Preview:
    """Read a file to its end.

    Raises:
        UnreadableUploadError: It cannot be read, or no further.
    """
    try:
        with path.open("rb") as file:
            return preview_of(file, name)
    except FileNotFoundError as error:
        raise UnreadableUploadError("its bytes are not kept any more") from error
    except UnreadableFileError as error:
        raise UnreadableUploadError(str(error)) from error
