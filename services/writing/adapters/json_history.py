"""Where a dataset comes from, in ``history.json`` beside the table."""

from pathlib import Path

from anyio import to_thread

from services.writing.adapters.durable_files import disk_errors, replace_text
from shared.errors import ConfigurationError
from shared.history import History

HISTORY = "history.json"


class JsonHistoryKeeper:
    """See HistoryKeeper."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the collection."""
        self._file = folder / HISTORY

    async def load(self) -> History | None:
        """Return what is kept, if anything is.

        Raises:
            ConfigurationError: It is no history.
            TransientError: It could not be read.
        """
        return await to_thread.run_sync(self._load)

    async def keep(self, history: History) -> None:
        """Keep it, for good.

        Raises:
            DiskFullError: There is no room.
            TransientError: It could not be written.
        """
        await to_thread.run_sync(self._keep, history)

    def _load(self) -> History | None:
        with disk_errors(str(self._file)):
            try:
                return History.read(self._file.read_text())
            except FileNotFoundError:
                return None
            except ValueError as error:
                raise ConfigurationError(
                    f"{self._file} cannot be read: {error}; put it back as it was, or remove it "
                    "and run mapstream verify --repair"
                ) from error

    def _keep(self, history: History) -> None:
        with disk_errors(str(self._file)):
            replace_text(self._file, history.spell() + "\n")
