"""Has a service do something with what it owns, in a process of its own, by its terminal."""

import asyncio
import fcntl
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.cli.domain.kept import StoredSource
from services.cli.handlers.repair import Dropped, Recounted
from shared.errors import EXIT_CONFIGURATION, ConfigurationError, MapstreamError
from shared.locking import LOCK


async def ask_terminal(
    service: str, *words: str, wanted: object = None, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Start a service's terminal with a wish, and return its answer.

    Raises:
        ConfigurationError: It says that it cannot do that like this.
        MapstreamError: It failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"services.{service}.terminal",
        *words,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(json.dumps(wanted).encode())
    if process.returncode:
        text = err.decode(errors="replace").strip().removeprefix("mapstream: ")
        is_mistake = process.returncode == EXIT_CONFIGURATION
        raise ConfigurationError(text) if is_mistake else MapstreamError(text)
    answer: dict[str, Any] = json.loads(out)
    return answer


class FolderOwners:
    """See Owners; for the owners of folders on this machine."""

    def __init__(self, environment: Mapping[str, str], output: Path, collection: str) -> None:
        """Take who they are.

        Args:
            environment: Names the folders, as the services read them.
            output: Has the folder of the collection.
            collection: The map.
        """
        self._environment = environment
        self._dataset = output / collection
        self._collection = collection

    async def drop_repeats(self) -> Dropped:
        """See Owners."""
        answer = await self._ask("writing", do="drop repeats")
        return Dropped(answer["removed"], answer["unlike"])

    async def read_again(self, sources: Sequence[StoredSource]) -> Mapping[str, str]:
        """See Owners."""
        some = [asdict(one) for one in sources]
        answer = await self._ask("discovery", "read-again", sources=some)
        unread: dict[str, str] = answer["unread"]
        return unread

    async def take_over(self, sources: Sequence[StoredSource], emptied: Mapping[str, int]) -> None:
        """See Owners."""
        some = [asdict(one) for one in sources]
        await self._ask("discovery", "take-over", sources=some, emptied=emptied)

    async def count_anew(self, *, is_apart: bool = False, past: str = "same") -> Recounted:
        """See Owners."""
        answer = await self._ask(
            "projection",
            dataset=str(self._dataset.resolve()),
            is_apart=is_apart,
            past=past,
        )
        return Recounted(answer["records"], answer["models"])

    async def discard_staged(self, versions: Mapping[str, int]) -> None:
        """See Owners."""
        await self._ask("writing", do="discard staged", versions=versions)

    async def place(self) -> int:
        """See Owners."""
        return int((await self._ask("writing", do="place"))["version"])

    async def publish(self) -> int:
        """See Owners."""
        return int((await self._ask("writing", do="publish"))["records"])

    async def _ask(self, service: str, *words: str, **wanted: object) -> dict[str, Any]:
        return await ask_terminal(
            service,
            *words,
            wanted={"collection": self._collection, **wanted},
            environment=self._environment,
        )


def running(folders: Mapping[str, Path]) -> Iterator[str]:
    """Tell which of the services own their folders now.

    Args:
        folders: What each owns.
    """
    for service, folder in folders.items():
        try:
            with (folder / LOCK).open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield service
        except OSError:
            continue  # it has never run, or what is wrong will be told by its terminal
