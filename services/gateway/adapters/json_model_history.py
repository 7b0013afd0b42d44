"""The models as writing keeps them: ``<folder>/<collection>/models/<version>.json``."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio.to_thread
from pydantic import ValidationError

from shared.contracts.projection import ProjectionModel
from shared.errors import TransientError

CACHED = 256


class JsonModelHistory:
    """Reads the files; they never change, so those last used stay in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: OrderedDict[Path, ProjectionModel] = OrderedDict()

    async def versions(self, collection: str) -> Sequence[int]:
        """Return the versions, newest first.

        Raises:
            TransientError: The folder could not be read.
        """
        return await anyio.to_thread.run_sync(partial(_list, self._models(collection)))

    async def get(self, collection: str, version: int) -> ProjectionModel | None:
        """Return a model; nothing if there is none of this version.

        Raises:
            TransientError: It could not be read.
        """
        path = self._models(collection) / f"{version}.json"
        model = await anyio.to_thread.run_sync(partial(self._read, path))
        if model is None:
            self._known.pop(path, None)
            return None
        self._known[path] = model
        self._known.move_to_end(path)
        if len(self._known) > CACHED:
            self._known.popitem(last=False)
        return model

    def _models(self, collection: str) -> Path:
        return self._folder / collection / "models"

    def _read(self, path: Path) -> ProjectionModel | None:
        try:
            if path in self._known and path.exists():
                return self._known[path]
            return ProjectionModel.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TransientError(f"{path.name}: {error.strerror}") from error
        except ValidationError as error:
            raise TransientError(f"{path.name} is damaged") from error


def _list(folder: Path) -> list[int]:
    try:
        names = [file.stem for file in folder.glob("*.json")]
    except OSError as error:
        raise TransientError(f"the models cannot be listed: {error.strerror}") from error
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)
