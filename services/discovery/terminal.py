"""The shell for the terminal: ``python -m services.discovery.terminal`` makes a dry run."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.json_lines_format import agent_run_format, text_format
from services.discovery.handlers.dry_run import dry_run
from services.discovery.ports import SourceFormat
from services.discovery.settings import IngestionSection, Settings, SourceSection
from shared.errors import ConfigurationError
from shared.mistakes import tell
from shared.redaction import guard_exceptions

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


def main() -> None:
    """Print what a run would read, as JSON."""
    guard_exceptions()
    try:
        sys.stdout.write(json.dumps(asyncio.run(survey())) + "\n")
    except ConfigurationError as error:
        sys.exit(tell(error))


if __name__ == "__main__":
    main()
