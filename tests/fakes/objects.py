"""An object store in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.blobs.errors import BlobsUnusableError
from shared.blobs.objects import Listed

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeObjects:
    """Objects by their keys, all of one time; it may be away, or break off what it gives."""

    def __init__(self, objects: dict[str, bytes] | None = None, at: datetime = AT) -> None:
        self.objects = {} if objects is None else objects
        self.at = at
        self.is_away = False
        self.breaks_at: int | None = None

    def changed(self) -> None:
        """Hear of a request that changes something, before it does."""

    def put(self, key: str, content: bytes) -> None:
        self._asked()
        self.changed()
        self.objects[key] = content

    def put_file(self, key: str, path: Path) -> None:
        self.put(key, path.read_bytes())

    def get(self, key: str) -> bytes | None:
        self._asked()
        return self.objects.get(key)

    def size(self, key: str) -> int | None:
        self._asked()
        return len(self.objects[key]) if key in self.objects else None

    def pieces(self, key: str) -> Iterator[bytes]:
        self._asked()
        content = self.objects.get(key, b"")
        for at in range(len(content)):
            if at == self.breaks_at:
                raise BlobsUnusableError("it broke off")
            yield content[at : at + 1]

    def listed(self, folder: str = "") -> Iterator[Listed]:
        self._asked()
        start = f"{folder}/" if folder else ""
        for key in sorted(self.objects):
            if key.startswith(start):
                yield Listed(key, self.at)

    def delete(self, key: str) -> None:
        self._asked()
        self.changed()
        self.objects.pop(key, None)

    def url(self, key: str, lifetime: timedelta) -> str:
        return f"memory:{key}?for={lifetime}"

    def _asked(self) -> None:
        if self.is_away:
            raise BlobsUnusableError("it is away")
