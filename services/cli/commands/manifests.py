"""Prints manifests, and has something done with them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.tables import listed
from services.cli.domain.outcomes import DONE, REJECTED
from services.cli.handlers.statuses import choose_collection, served_collections
from services.cli.handlers.waits import second_of
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.manifests import ManifestBook
from shared.bus.status import collect
from shared.contracts.fetching import LONGEST_LIST
from shared.contracts.manifests import (
    ChangeManifest,
    ListManifests,
    ManifestItem,
    ManifestPage,
    ManifestRecord,
)
from shared.contracts.preferences import SOMEBODY
from shared.errors import ConfigurationError
from shared.mistakes import describe

COLUMNS = ("manifest", "name", "every", "state", "next", "last good", "last run")
ITEMS = ("row", "name", "url", "outcome", "job", "why")
MOST_BYTES = 4 * LONGEST_LIST


async def show_list(options: BusOptions, settings: CliSettings) -> None:
    """Print the manifests.

    Raises:
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    async with connected(options, settings.nats) as client:
        page = await ManifestBook(client).tell(ListManifests(collection=options.collection))
    _print(page.items, is_json=options.is_json)


async def show(options: BusOptions, settings: CliSettings, manifest: str) -> int:
    """Print what became of each that a manifest lists, or has listed.

    Returns:
        The exit code: 0, or 5 if there is none.

    Raises:
        ConfigurationError: It is no id.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    try:
        asked = ListManifests(manifest=manifest)
    except ValidationError as error:
        raise ConfigurationError(describe(error, ListManifests, "manifests")) from error
    async with connected(options, settings.nats) as client:
        page = await ManifestBook(client).tell(asked)
    if options.is_json:
        sys.stdout.write(page.model_dump_json() + "\n")
    elif page.items:
        _print(page.items, is_json=False)
        _table(ITEMS, [_item(one) for one in page.listed or ()], whole=("outcome",))
    if not page.items:
        sys.stderr.write(f"mapstream: there is no manifest '{manifest}'\n")
        return REJECTED
    return DONE


async def change(
    options: BusOptions, settings: CliSettings, action: str, fields: Mapping[str, Any]
) -> int:
    """Have something done with a manifest, and print it.

    Returns:
        The exit code: 0, or 5 if it cannot be.

    Raises:
        ConfigurationError: The collection must be chosen, or a value is none, or a file cannot
            be read.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    said = {**fields, "action": action, "by": settings.nats.user or SOMEBODY}
    if action == "apply":
        said |= _list(said.pop("where"), said["name"])
    async with connected(options, settings.nats) as client:
        if action == "apply":
            served = served_collections(await collect(client))
            chosen = options.collection or choose_collection(None, served, settings.collections)
            said["collection"] = chosen
        done = await ManifestBook(client).change(_wish(said))
    if done.manifest is None:
        sys.stderr.write(f"mapstream: {done.reason}\n")
        return REJECTED
    _print((done.manifest,), is_json=options.is_json)
    return DONE


def _list(where: str, name: str | None) -> dict[str, Any]:
    """Say where a list lies, or read it.

    Raises:
        ConfigurationError: The file cannot be read, or is none.
    """
    if where.startswith(("http://", "https://")):
        return {"url": where}
    file = Path(where)
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where} is not written in UTF-8: save it so") from error
    return {"content": text, "name": name or file.name}


def _wish(said: Mapping[str, Any]) -> ChangeManifest:
    """Write the wish.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        return ChangeManifest.model_validate(said)
    except ValidationError as error:
        raise ConfigurationError(describe(error, ChangeManifest, "manifests")) from error


def _print(manifests: Sequence[ManifestRecord], *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(ManifestPage(items=tuple(manifests)).model_dump_json() + "\n")
        return
    _table(COLUMNS, [_row(one) for one in manifests], whole=COLUMNS[:1])


def _table(
    columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], whole: tuple[str, ...]
) -> None:
    console = Console(highlight=False)
    for part in listed(columns, rows, width=console.width, numbers=(), whole=whole):
        console.print(part)


def _row(one: ManifestRecord) -> tuple[str, ...]:
    state = "paused" if one.is_paused else "nothing fresh" if one.is_stale else "active"
    return (
        one.id,
        one.name,
        f"{one.every_hours} h",
        state,
        second_of(one.next_at),
        second_of(one.succeeded_at) if one.succeeded_at else "",
        _last(one),
    )


def _last(one: ManifestRecord) -> str:
    """Say how the last run came out, in numbers or in words."""
    for run in one.runs:
        if run.counts is not None and run.state == "applied":
            counts = run.counts.model_dump()
            told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
            return told.replace("_", " ")
        return f"{run.state or run.outcome}{': ' + run.reason if run.reason else ''}"
    return ""


def _item(one: ManifestItem) -> tuple[str, ...]:
    return (
        str(one.row or ""), one.name, one.url or "", one.outcome, one.job or "", one.reason or "",
    )  # fmt: skip
