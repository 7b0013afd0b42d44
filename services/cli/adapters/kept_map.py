"""One collection as its owners keep it on this machine, in a state folder and an output folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from services.cli.adapters.dataset_models import read_dataset
from services.cli.adapters.kept_histories import KeptHistories
from services.cli.adapters.kept_rows import KeptRows
from services.cli.adapters.kept_state import KeptState
from services.cli.adapters.kept_waiting import read_emptied, read_staged
from services.cli.domain.kept import Account, KeptModel, KeptMoments, Rows, Staged, Stand, TextSum
from services.cli.domain.models import Told
from shared.contracts.projection import ProjectionModel
from shared.errors import ConfigurationError


class FolderMap:
    """See KeptMap."""

    def __init__(self, state: Path, output: Path, collection: str) -> None:
        """Take where it is.

        Args:
            state: Has the folders of discovery and of projection.
            output: Has the folder of the collection.
            collection: The map.
        """
        self.collection = collection
        self._state = KeptState(state, collection)
        self._rows = KeptRows(output / collection)
        self._histories = KeptHistories(
            state, output / collection, collection, self._rows.newest_version
        )

    def stand(self) -> Stand:
        """See KeptMap."""
        return Stand(
            self._rows.newest_version(),
            self._rows.files_version(),
            self._state.revision(),
            self._state.ledger_stand(),
        )

    def apart(self) -> Mapping[str, str]:
        """See KeptMap."""
        return self._histories.apart()

    def emptied(self) -> Mapping[str, int]:
        """See KeptMap."""
        return read_emptied(self._rows.folder)

    def accounts(self) -> Iterator[Account]:
        """See KeptMap."""
        return self._state.accounts()

    def rows(self) -> Iterator[Rows]:
        """See KeptMap."""
        return self._rows.rows()

    def vectors(self) -> Iterator[NDArray[np.float32]]:
        """See KeptMap."""
        return self._rows.vectors()

    def row_names(self) -> Iterator[tuple[str, str]]:
        """See KeptMap."""
        return self._rows.names()

    def row_count(self) -> int:
        """See KeptMap."""
        return self._rows.row_count()

    def public_rows(self) -> Iterator[Rows]:
        """See KeptMap."""
        return self._rows.public_rows()

    def has_public_vectors(self) -> bool:
        """See KeptMap."""
        return self._rows.has_public_vectors()

    def counted(self) -> Iterator[tuple[str, int]]:
        """See KeptMap."""
        return self._state.counted()

    def source_sum(self, filename: str) -> TextSum | None:
        """See KeptMap."""
        return self._state.source_sum(filename)

    def pending(self) -> int:
        """See KeptMap."""
        return self._state.pending()

    def doubted(self) -> Iterator[tuple[str, str]]:
        """See KeptMap."""
        return self._state.doubted()

    def staged(self) -> Iterator[Staged]:
        """See KeptMap."""
        return read_staged(self._rows.folder, self._state.may_wait())

    def awaited(self) -> Iterator[Staged]:
        """See KeptMap."""
        return self._state.awaited()

    def moments(self) -> KeptMoments | None:
        """See KeptMap."""
        return self._state.moments()

    def newest_model(self) -> KeptModel | None:
        """See KeptMap."""
        return self._state.newest_model()

    def archived_model(self, version: int | None = None) -> KeptModel | None:
        """See KeptMap."""
        files = (self._rows.folder / "models").glob("[0-9]*.json")
        numbers = [int(file.stem) for file in files if file.stem.isdecimal()]
        wanted = max(numbers, default=None) if version is None else version
        if wanted not in numbers:
            return None
        file = self._rows.folder / "models" / f"{wanted}.json"
        try:
            return _model(Told(str(file), file.read_bytes()))
        except OSError as error:
            raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error

    def shown_model(self) -> KeptModel | None:
        """See KeptMap."""
        try:
            current = read_dataset(self._rows.folder).current
        except (ConfigurationError, pa.ArrowException):  # of which the files themselves tell
            return None
        return None if current is None else _model(current)


def _model(told: Told) -> KeptModel:
    """Read a model.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        model = ProjectionModel.model_validate_json(told.body)
        plane = model.plane()
    except ValidationError as error:
        raise ConfigurationError(f"{told.place}: is no model") from error
    return KeptModel(model.version, plane.mean, plane.components)
