"""The models of a collection's folder: the one that its files show, and those that are kept."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from services.cli.domain.models import KeptModels, Told
from shared.errors import ConfigurationError
from shared.plain_paths import plain_path

MAP = "logs.parquet"
MODEL = b"mapstream.model"


def read_dataset(folder: Path) -> KeptModels:
    """Read what a folder tells of its models; the current one is that of the points in its file.

    Raises:
        ConfigurationError: It is no folder of a collection, or cannot be read.
    """
    try:
        kept = [Told(str(file), file.read_bytes()) for file in _archive(folder)]
        shown = _shown(folder / MAP)
    except (OSError, ValueError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"{getattr(error, 'filename', None) or folder / MAP}: cannot be read: {why}; "
            "name another folder with --from-dataset, or ask the bus"
        ) from error
    if not kept and not (folder / MAP).exists():
        raise ConfigurationError(f"{folder}: holds no map; {_remedy(folder)}")
    current = shown or (kept[-1] if kept else None)
    every = [*kept, *([shown] if shown else [])]
    return KeptModels(f"in {folder}", current, every, "ask the bus: leave out --from-dataset")


def _archive(folder: Path) -> Iterator[Path]:
    """List the files of the models, oldest first."""
    files = [one for one in (folder / "models").glob("*.json") if one.stem.isdecimal()]
    yield from sorted(files, key=lambda one: int(one.stem))


def _shown(file: Path) -> Told | None:
    """Return the model that the points of a public file are of."""
    if not file.exists():
        return None
    body = (pq.read_schema(plain_path(file)).metadata or {}).get(MODEL)
    return None if body is None else Told(f"{file}: {MODEL.decode()}", body)


def _remedy(folder: Path) -> str:
    inside = [one.parent for one in sorted(folder.glob(f"*/{MAP}"))]
    example = inside[0] if inside else "mapstream-out/default"
    return f"name the folder of a collection with --from-dataset, such as {example}"
