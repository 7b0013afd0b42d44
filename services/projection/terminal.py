"""The shell for the terminal: ``python -m services.projection.terminal`` counts anew.

What is asked for comes as JSON on the standard input, and the answer goes the other way.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.projection.adapters.lance_stored_map import LanceStoredMap
from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.handlers.rebuild import rebuild
from services.projection.settings import Settings
from shared.belonging import renew_history
from shared.errors import MapstreamError
from shared.locking import own_at_once
from shared.mistakes import tell
from shared.redaction import guard_exceptions


async def count_anew(wanted: dict[str, Any]) -> dict[str, Any]:
    """Make moments and batches of a collection again from its dataset, while nobody owns them.

    Args:
        wanted: The collection, the folder of its dataset, whether they do not belong together as
            they are, and what the past of the state is: ``same``, ``earlier`` or ``another``.

    Raises:
        ConfigurationError: The service still runs, or its state is of another version.
        TransientError: Something could not be read or stored.
    """
    settings = Settings.load()
    folder = settings.state.folder / "projection"
    stored = LanceStoredMap(Path(wanted["dataset"]))
    keep = settings.projection.keep_models
    with own_at_once(folder, "projection"):
        async with open_store(folder / "projection.sqlite", keep_models=keep) as store:
            name, is_apart = wanted["collection"], bool(wanted.get("is_apart"))
            past = wanted.get("past", "same")
            made = await rebuild(name, stored=stored, store=store, past=past)
            if is_apart:
                await renew_history(name, store, (await store.load(name)).revision)
            return asdict(made)


def main() -> None:
    """Do what is asked for."""
    guard_exceptions()
    try:
        answer = asyncio.run(count_anew(json.load(sys.stdin)))
    except MapstreamError as error:
        sys.exit(tell(error))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
