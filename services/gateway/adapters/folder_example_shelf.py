"""The example logs: beside the service where it is installed, else in the checkout."""

from pathlib import Path

from anyio import to_thread

from services.gateway.ports.examples import ExampleLog
from shared.errors import TransientError

SERVICE = Path(__file__).parents[1]
PLACES = (SERVICE / "examples", SERVICE.parents[1] / "examples" / "runs")
"""What a wheel puts there (``hatch_build.py``), and what ``make run`` maps."""


class FolderExampleShelf:
    """The logs of the first of some folders that is there."""

    def __init__(self, places: tuple[Path, ...] = PLACES) -> None:
        self._places = places

    async def logs(self) -> list[ExampleLog]:
        """See the port."""
        return await to_thread.run_sync(self._read)

    def _read(self) -> list[ExampleLog]:
        folder = next((one for one in self._places if one.is_dir()), None)
        try:
            found = sorted(folder.glob("*.jsonl")) if folder else []
            return [ExampleLog(one.name, one.read_bytes()) for one in found]
        except OSError as error:
            raise TransientError(f"the example logs cannot be read: {error}") from error
