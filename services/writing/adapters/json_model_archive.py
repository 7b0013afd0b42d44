"""The archive of models as JSON files, one per version, never changed."""

from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import ValidationError

from services.writing.adapters.durable_files import disk_errors, replace_text, sync
from shared.contracts.projection import ProjectionModel
from shared.errors import TransientError


class JsonModelArchive:
    """``<folder>/<version>.json``; the last one used stays in memory."""

    def __init__(self, folder: Path, *, keep: int = 100) -> None:
        self._folder = folder
        self._keep = keep
        self._last: ProjectionModel | None = None
        self._newest: int | None = None
        self._is_listed = False

    async def newest(self) -> ProjectionModel | None:
        """Return the model of the highest version, if there is any.

        Raises:
            TransientError: It could not be read.
        """
        if not self._is_listed:
            self._newest = await anyio.to_thread.run_sync(self._find_newest)
            self._is_listed = True
        return None if self._newest is None else await self.get(self._newest)

    async def get(self, version: int) -> ProjectionModel:
        """Return a model.

        Raises:
            TransientError: It is not there or could not be read.
        """
        model = self._last
        if model is None or model.version != version:
            model = self._last = await anyio.to_thread.run_sync(partial(self._read, version))
        return model

    async def save(self, model: ProjectionModel) -> None:
        """Keep a model; when this returns, it outlives a power cut.

        Raises:
            DiskFullError: There is no room.
            TransientError: It could not be written.
        """
        await anyio.to_thread.run_sync(partial(self._write, model))
        self._newest = max(model.version, self._newest or 0)

    async def forget_before(self, held: int) -> int:
        """Delete the oldest of more models than are to be kept, none from this one on.

        Raises:
            TransientError: One could not be deleted.
        """
        return await anyio.to_thread.run_sync(partial(self._forget_before, held))

    def _forget_before(self, held: int) -> int:
        with disk_errors(str(self._folder)):
            versions = sorted(int(file.stem) for file in self._folder.glob("[0-9]*.json"))
            too_many = [one for one in versions[: -self._keep] if one < held]
            for version in too_many:
                self._path(version).unlink()
        return len(too_many)

    def _find_newest(self) -> int | None:
        with disk_errors(str(self._folder)):
            return max((int(file.stem) for file in self._folder.glob("[0-9]*.json")), default=None)

    def _path(self, version: int) -> Path:
        return self._folder / f"{version}.json"

    def _read(self, version: int) -> ProjectionModel:
        path = self._path(version)
        with disk_errors(str(path)):
            text = path.read_text()
        try:
            return ProjectionModel.model_validate_json(text)
        except ValidationError as error:
            raise TransientError(f"{path} is damaged: {error}") from error

    def _write(self, model: ProjectionModel) -> None:
        path = self._path(model.version)
        with disk_errors(str(path)):
            if not self._folder.exists():
                self._folder.mkdir(parents=True)
                sync(self._folder.parent)
            replace_text(path, model.model_dump_json())
