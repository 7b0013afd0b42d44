"""What the public files say of themselves: ``<folder>/<collection>/logs.parquet``."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from anyio import to_thread

from services.labels.domain.enough import Shown
from shared.bus.registry.channel import is_collection
from shared.errors import TransientError
from shared.plain_paths import plain_path

LOGS = "logs.parquet"


class ParquetMapFiles:
    """Looks at the files as they are now; writing replaces them whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def collections(self) -> Sequence[str]:
        """See the port."""
        return await to_thread.run_sync(self._list)

    async def shown(self, collection: str) -> Shown | None:
        """See the port."""
        return await to_thread.run_sync(self._look, self._folder / collection / LOGS)

    def _list(self) -> list[str]:
        try:
            names = (one.parent.name for one in self._folder.glob(f"*/{LOGS}"))
            return sorted(filter(is_collection, names))
        except OSError as error:
            raise TransientError(f"the maps cannot be listed: {error.strerror}") from error

    @staticmethod
    def _look(file: Path) -> Shown | None:
        try:
            return shown_by(pq.read_schema(plain_path(file)))
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise TransientError(f"{LOGS} cannot be read: {error!r}") from error


def shown_by(schema: pa.Schema) -> Shown:
    """Read what a file says of itself.

    Raises:
        KeyError: It does not say it.
        ValueError: It says no number.
    """
    marks = schema.metadata or {}
    model = marks.get(b"mapstream.model_version")
    return Shown(
        dataset_version=int(marks[b"mapstream.dataset_version"]),
        model_version=None if model is None else int(model),
        records=int(marks[b"mapstream.records"]),
    )
