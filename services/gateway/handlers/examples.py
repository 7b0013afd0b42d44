"""Puts the logs that come with the program on a map, as if somebody had uploaded them."""

from collections.abc import AsyncIterator, Sequence

from services.gateway.domain.parts import Incoming, PartBegun, PartEnded
from services.gateway.handlers.upload_answers import ExampleRules, TakenFile
from services.gateway.handlers.upload_options import OPTIONS, UploadOptions
from services.gateway.handlers.uploads import FILES, Uploads
from services.gateway.ports.examples import ExampleLog, ExampleShelf

NONE = "no example logs were installed with this gateway"
JSON_LINES = "application/jsonl"


class Examples:
    """Takes them through the same door as all uploads."""

    def __init__(self, shelf: ExampleShelf, uploads: Uploads) -> None:
        self._shelf = shelf
        self._uploads = uploads

    async def tell(self) -> ExampleRules:
        """Say how many there are, and how large.

        Raises:
            TransientError: They cannot be read.
        """
        logs = await self._shelf.logs()
        size = sum(len(one.body) for one in logs)
        return ExampleRules(files=len(logs), size_bytes=size, why_not=None if logs else NONE)

    async def take(self, collection: str, by: str) -> list[TakenFile]:
        """Upload all; one that was taken before is replaced by itself, which changes nothing.

        Args:
            collection: Where they go.
            by: Who wants them there.

        Returns:
            What became of each; nothing, if there are none.

        Raises:
            TransientError: They cannot be read.
        """
        logs = await self._shelf.logs()
        return await self._uploads.take(collection, _as_parts(logs), by) if logs else []


async def _as_parts(logs: Sequence[ExampleLog]) -> AsyncIterator[Incoming]:
    """Give them as an upload comes: what is said of all of them, then each."""
    yield PartBegun(OPTIONS, None, "")
    yield UploadOptions(replace=True).model_dump_json().encode()
    yield PartEnded()
    for one in logs:
        yield PartBegun(FILES, one.name, JSON_LINES)
        yield one.body
        yield PartEnded()
