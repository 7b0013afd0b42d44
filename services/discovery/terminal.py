"""The shell for the terminal: ``python -m services.discovery.terminal`` makes a dry run.

With ``read-again``, it marks sources to be read again, with ``take-over``, it has the ledger go on
from what the dataset has; what is asked for comes as JSON on the standard input, and the answer
goes the other way.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.sources import HeldSource, StoredSource, source_id
from services.discovery.formats import build_repository
from services.discovery.handlers.dry_run import dry_run
from services.discovery.settings import Settings
from shared.belonging import renew_history
from shared.clock import SystemClock
from shared.embedded_text import digest_of, prepare
from shared.errors import MapstreamError
from shared.locking import own_at_once
from shared.mistakes import tell
from shared.redaction import guard_exceptions

READ_AGAIN, TAKE_OVER = "read-again", "take-over"


async def survey(wanted: dict[str, Any]) -> dict[str, Any]:
    """Look at every source without touching anything.

    Args:
        wanted: ``texts``, a file that gets a digest and a number of characters of each text, as it
            would be embedded in at most ``max_chars``; if any.

    Raises:
        ConfigurationError: The configuration is wrong, or two sources share a name.
    """
    repository = build_repository(Settings.load())
    await repository.check()
    if "texts" not in wanted:
        found = await dry_run(repository)
    else:
        with Path(wanted["texts"]).open("w") as file:  # noqa: ASYNC230  nobody else is served

            def note(text: str) -> None:
                prepared = prepare(text, wanted["max_chars"])
                file.write(f"{digest_of(prepared)} {len(prepared)}\n")

            found = await dry_run(repository, on_text=note)
    return asdict(found) | {"estimated_tokens": found.estimated_tokens}


async def read_again(wanted: dict[str, Any]) -> dict[str, Any]:
    """Mark sources to be read again by the next look, while nobody owns the ledger.

    Args:
        wanted: The collection, and its sources as they are stored.

    Raises:
        ConfigurationError: The service still runs, or the ledger is of another format.
        TransientError: The ledger could not be written.
    """
    folder = Settings.load().state.folder / "discovery"
    sources = [StoredSource(**one) for one in wanted["sources"]]
    with own_at_once(folder, "discovery"):
        async with SqliteStateStore.open(folder) as store:
            now = SystemClock().now()
            return {"unread": await store.read_again(wanted["collection"], sources, now)}


async def take_over(wanted: dict[str, Any]) -> dict[str, Any]:
    """Have the ledger go on from what the dataset has, and belong to that from now on.

    Args:
        wanted: The collection, its sources as they are stored, and by id the versions of those
            that have no rows.

    Raises:
        ConfigurationError: The service still runs, or the ledger is of another format.
        TransientError: The ledger could not be written.
    """
    folder, name = Settings.load().state.folder / "discovery", wanted["collection"]
    sources = [
        *(HeldSource(source_id(name, one["filename"]), **one) for one in wanted["sources"]),
        *(HeldSource(one, None, version, 0) for one, version in wanted["emptied"].items()),
    ]
    with own_at_once(folder, "discovery"):
        async with SqliteStateStore.open(folder) as store:
            await store.take_over(name, sources, SystemClock().now())
            position, _ = await store.position(name)
            await renew_history(name, store, position)
    return {"sources": len(sources)}


def main() -> None:
    """Print what a run would read, or what was marked, as JSON."""
    guard_exceptions()
    words = sys.argv[1:]
    try:
        wanted = json.loads(sys.stdin.read() or "{}") or {}
        if TAKE_OVER in words:
            work = take_over(wanted)
        else:
            work = read_again(wanted) if READ_AGAIN in words else survey(wanted)
        sys.stdout.write(json.dumps(asyncio.run(work)) + "\n")
    except MapstreamError as error:
        sys.exit(tell(error))


if __name__ == "__main__":
    main()
