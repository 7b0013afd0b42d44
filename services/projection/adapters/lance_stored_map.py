"""Reads a collection's dataset as writing keeps it: the table of rows, and the models."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import lance
import numpy as np
from pydantic import ValidationError

from services.projection.domain.state import ModelVersion
from services.projection.handlers.rebuild import archived_model
from shared.contracts.batches import vectors_of
from shared.contracts.projection import ProjectionModel
from shared.errors import TransientError
from shared.plain_paths import plain_path

READ_BYTES = 8 << 20


class LanceStoredMap:
    """See StoredMap."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the collection."""
        self._folder = folder

    def vectors(self) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        """See StoredMap."""
        path = self._folder / "store.lance"
        if not any((path / "_versions").glob("*.manifest")):
            return
        with _errors(path):
            table = lance.dataset(plain_path(path))
            dimension = table.schema.field("vector").type.list_size
            size = max(128, min(16_384, READ_BYTES // (4 * dimension)))
            for rows in table.to_batches(columns=["batch_id", "vector"], batch_size=size):
                if rows.num_rows:
                    yield rows.column("batch_id").to_pylist(), vectors_of(rows.column("vector"))

    def versions(self) -> Mapping[str, int]:
        """See StoredMap."""
        path, found = self._folder / "store.lance", dict[str, int]()
        if not any((path / "_versions").glob("*.manifest")):
            return found
        with _errors(path):
            columns = ["source_id", "source_version"]
            for rows in lance.dataset(plain_path(path)).to_batches(columns=columns):
                names, versions = (rows.column(one).to_pylist() for one in columns)
                for source_id, version in zip(names, versions, strict=True):
                    found[source_id] = max(version, found.get(source_id, 0))
        return found

    def models(self) -> Sequence[ModelVersion]:
        """See StoredMap."""
        files = [file for file in (self._folder / "models").glob("*.json") if file.stem.isdigit()]
        return [_read(file) for file in sorted(files, key=lambda one: int(one.stem))]


def _read(file: Path) -> ModelVersion:
    with _errors(file):
        try:
            model = ProjectionModel.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise TransientError(f"{file}: is no model") from error
    return archived_model(model)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise TransientError(f"{path}: cannot be read: {error}") from error
