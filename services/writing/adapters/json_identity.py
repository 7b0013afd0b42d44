"""Whose a collection's folder is, in ``format.json``: nothing else is ever written over."""

import json
from pathlib import Path

import lance
import pyarrow as pa

from services.writing.adapters.durable_files import TEMPORARY, disk_errors, replace_text
from services.writing.adapters.lance_layout import (
    added_schema,
    dimension_of,
    has_manifest,
    store_schema,
)
from services.writing.ports import DiskFullError
from shared.errors import ConfigurationError, TransientError
from shared.plain_paths import plain_path

FORMAT = 2
"""Of the table, of the models' files and of ``emptied.jsonl``; another layout needs another."""
OLDER = (1,)
"""What is brought to the present one: of 1, the table lacks the columns that were added later."""
IDENTITY = "format.json"
OURS = (
    "store.lance", "emptied.jsonl", "models", "logs.parquet", "embeddings.parquet", "told.json",
    "history.json",
)  # fmt: skip
REMEDY = "use the program that wrote it, or point output.folder (or --output) to another folder"


def claim_folder(folder: Path, collection: str) -> None:
    """Make sure that a folder is this collection's, and delete what a crash left unfinished.

    Raises:
        ConfigurationError: It is another's, of another format, or cannot be written.
        DiskFullError: There is no room.
    """
    try:
        with disk_errors(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            _claim(folder, collection)
            for part in (*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"models/{TEMPORARY}*")):
                part.unlink()
    except DiskFullError:
        raise
    except TransientError as error:
        raise ConfigurationError(f"{error}; make it writable, or use another folder") from error
    _check_table(folder / "store.lance")


def _claim(folder: Path, collection: str) -> None:
    wanted = {"service": "writing", "collection": collection, "format": FORMAT}
    file = folder / IDENTITY
    if not file.exists():
        if found := [name for name in OURS if (folder / name).exists()]:
            raise ConfigurationError(
                f"{folder} has {', '.join(found)}, but no {IDENTITY}: it was not written by this "
                f"program, and would be overwritten; {REMEDY}"
            )
        replace_text(file, json.dumps(wanted) + "\n")
        return
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise ConfigurationError(f"{file} cannot be read: {error}; {REMEDY}") from error
    if found in [wanted | {"format": older} for older in OLDER]:
        # From here on an older program refuses it; the table follows when it is opened.
        replace_text(file, json.dumps(wanted) + "\n")
    elif found != wanted:
        raise ConfigurationError(f"{file} says {found}, this program needs {wanted}; {REMEDY}")


def _check_table(path: Path) -> None:
    if not has_manifest(path):
        return
    try:
        dataset = lance.dataset(plain_path(path))
        expected = store_schema(dimension_of(dataset))
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}; {REMEDY}") from error
    older = pa.schema([field for field in expected if field.name not in added_schema().names])
    if dataset.schema.remove_metadata() not in (expected, older):
        names = set(dataset.schema.names) ^ set(expected.names)
        what = f"columns {', '.join(sorted(names))}" if names else "the types of its columns"
        raise ConfigurationError(f"{path} is a table of another format, by {what}; {REMEDY}")
