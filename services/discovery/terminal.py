"""The shell for the terminal: ``python -m services.discovery.terminal`` makes a dry run.

With ``read-again``, it marks sources to be read again; what is asked for comes as JSON on the
standard input, and the answer goes the other way.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_named_roots import NamedRoots
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.json_lines_format import agent_run_format, text_format
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.sources import StoredSource
from services.discovery.handlers.dry_run import dry_run
from services.discovery.ports import SourceFormat
from services.discovery.settings import IngestionSection, Settings, SourceSection
from shared.clock import SystemClock
from shared.contracts.collections import SourceFolder
from shared.errors import MapstreamError
from shared.locking import own_at_once
from shared.mistakes import tell
from shared.redaction import guard_exceptions

READ_AGAIN = "read-again"
FORMATS: dict[str, Callable[[SourceSection, IngestionSection], SourceFormat]] = {
    "agent_runs": lambda source, section: agent_run_format(
        section.max_line_bytes, section.completion_of(source).when
    ),
    "jsonl": lambda source, section: text_format(
        source.text_field, section.max_line_bytes, section.completion_of(source).when
    ),
}
"""By the name that a source gives in the settings."""


def build_repository(settings: Settings) -> FolderSourceRepository:
    """Wire the folders that are read, each with the format that its files have."""
    section = settings.ingestion
    roots = [_root(one, section) for one in section.sources]
    return FolderSourceRepository(roots, own=settings.own_folders, output=settings.output.folder)


def build_named(settings: Settings, repository: FolderSourceRepository) -> NamedRoots:
    """Wire what reads the folders that commands name, as the settings say of all sources."""
    allowed = settings.allowed_roots
    real = tuple(os.path.realpath(one) for one in allowed)

    def build(collection: str, folder: SourceFolder) -> Root:
        source = SourceSection(path=Path(folder.path), glob=folder.glob, collection=collection)
        return replace(_root(source, settings.ingestion), only_below=real)

    own = (settings.state.folder, settings.output.folder)
    return NamedRoots(repository, build, allowed=allowed, own=own)


def _root(source: SourceSection, section: IngestionSection) -> Root:
    return Root(
        source.path,
        source.glob,
        source.collection,
        source.links_may_leave,
        format=FORMATS[source.format](source, section),
        completion=section.completion_of(source),
    )


async def survey() -> dict[str, Any]:
    """Look at every source without touching anything.

    Raises:
        ConfigurationError: The configuration is wrong, or two sources share a name.
    """
    repository = build_repository(Settings.load())
    await repository.check()
    found = await dry_run(repository)
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
            return {"forgotten": await store.read_again(wanted["collection"], sources, now)}


def main() -> None:
    """Print what a run would read, or what was marked, as JSON."""
    guard_exceptions()
    is_marking = READ_AGAIN in sys.argv[1:]
    try:
        work = read_again(json.load(sys.stdin)) if is_marking else survey()
        sys.stdout.write(json.dumps(asyncio.run(work)) + "\n")
    except MapstreamError as error:
        sys.exit(tell(error))


if __name__ == "__main__":
    main()
