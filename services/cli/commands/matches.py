"""Prints the pairs of two collections as the gateway tells them, and has some decided."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from rich.console import Console

from services.cli.adapters.http_gateway import Gateway, ask_gateway, download
from services.cli.commands.gateways import find_gateway
from services.cli.commands.tables import Row, facts
from services.cli.domain.outcomes import DONE, REJECTED
from services.cli.settings import BusOptions, CliSettings
from shared.errors import ConfigurationError

PATH = "/api/matches"
PATIENCE_S = 600.0
"""A first look at large collections takes a while."""
PAGE = 200
"""Pairs of one answer."""
AT_ONCE = 50
"""Ids in one question."""
FORMS = {".csv": "csv", ".jsonl": "jsonl"}
LONGEST = 160
"""Characters of a text."""
Place = tuple[str | None, Path | None]


async def show_list(
    fields: Mapping[str, Any],
    options: BusOptions,
    settings: CliSettings,
    *,
    place: Place,
    limit: int,
) -> None:
    """Print how many pairs are in which state, and the best of those that are asked for.

    Raises:
        ConfigurationError: The two cannot be matched, or the collection must be chosen.
        TransientError: The gateway or the bus does not answer.
    """
    collection, gateway = await find_gateway(*place, options, settings)
    told, items, after = dict[str, Any](), list[dict[str, Any]](), 0
    while after is not None:
        most = max(1, min(PAGE, limit - len(items)))
        said = {**fields, "collection": collection, "after": after, "limit": most}
        told = await _ask(gateway, said)
        items += told["items"]
        after = told["next_after"] if len(items) < limit else None
    told["items"] = items[:limit]
    if options.is_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False)
    console.print(facts(_facts(told)))
    _print(console, told["items"])


async def export(
    fields: Mapping[str, Any],
    options: BusOptions,
    settings: CliSettings,
    *,
    place: Place,
    file: Path,
) -> None:
    """Write pairs to a file, whole or not at all; raises as ``show_list``."""
    form = FORMS.get(file.suffix.lower())
    if form is None:
        raise ConfigurationError(f"{file}: end its name with .csv or .jsonl")
    collection, gateway = await find_gateway(*place, options, settings)
    query = _query({**fields, "collection": collection, "format": form})
    path = f"{PATH}/export?{query}"
    await asyncio.to_thread(_download, gateway, path, file)


def _download(gateway: Gateway, path: str, file: Path) -> None:
    beside = file.with_name(f".{file.name}.part")
    try:
        with beside.open("wb") as opened:
            download(gateway, path, partial(_write, opened), timeout_s=PATIENCE_S)
        beside.replace(file)
    except OSError as error:
        raise _unwritten(file.name, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _write(opened: BinaryIO, piece: bytes) -> None:
    try:
        opened.write(piece)
    except OSError as error:  # ours, and not the gateway's
        raise _unwritten(opened.name, error) from error


def _unwritten(name: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{name} cannot be written: {error.strerror}")


async def decide(
    wish: str,
    options: BusOptions,
    settings: CliSettings,
    *,
    other: str,
    ids: Sequence[str],
    place: Place,
) -> int:
    """Have something decided of the pairs of some records, as they are now, and print them.

    Returns:
        The exit code: 0, or 5 if one was refused, or there is no such record.

    Raises:
        ConfigurationError: As ``show_list``.
        TransientError: As ``show_list``.
    """
    collection, gateway = await find_gateway(*place, options, settings)
    names = {"collection": collection, "other": other}
    pairs, results = list[dict[str, Any]](), list[dict[str, Any]]()
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        found = (await _ask(gateway, {**names, "ids": ",".join(some), "limit": AT_ONCE}))["items"]
        if found:
            keys = ("id", "other_id", "texts")
            body = {"decision": wish, "pairs": [{key: one[key] for key in keys} for one in found]}
            path = f"{PATH}/decisions?{_query(names)}"
            results += (await _send(gateway, path, body))["items"]
        pairs += found
    missing = [one for one in ids if one not in {pair["id"] for pair in pairs}]
    for one in missing:
        sys.stderr.write(f"mapstream: there is no record '{one}' in '{collection}'\n")
    _tell(pairs, results, is_json=options.is_json)
    is_refused = any(one["outcome"] == "refused" for one in results)
    return REJECTED if missing or is_refused else DONE


def _tell(pairs: list[dict[str, Any]], results: list[dict[str, Any]], *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(json.dumps({"items": results}, ensure_ascii=False) + "\n")
        return
    told = [
        pair | {"state": one["reason"] or one["outcome"], "decided": one["decided"]}
        for pair, one in zip(pairs, results, strict=True)
    ]
    _print(Console(highlight=False), told)


async def _ask(gateway: Gateway, said: Mapping[str, Any]) -> dict[str, Any]:
    return await _send(gateway, f"{PATH}?{_query(said)}", None)


async def _send(gateway: Gateway, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    return await asyncio.to_thread(ask_gateway, gateway, path, body, timeout_s=PATIENCE_S)


def _query(said: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in said.items() if value is not None})


def _facts(told: dict[str, Any]) -> Iterator[Row]:
    yield "records", f"{told['records']:,} of {told['collection']}"
    yield "matched with", f"{told['other_records']:,} of {told['other']}"
    for state, count in told["counts"].items():
        yield state, f"{count:,}"
    if told["unused_decisions"]:
        yield "decisions that hold for nothing now", f"{told['unused_decisions']:,}"


def _print(console: Console, items: Sequence[dict[str, Any]]) -> None:
    for one in items:
        by = f", by {one['decided']['by']}" if one["decided"] else ""
        rows = (
            ("score", f"{one['score']:.4f}: {one['state']}{by}"),
            ("record", one["id"]),
            ("", _line(one["text"])),
            ("nearest", one["other_id"]),
            ("", _line(one["other_text"])),
        )
        console.print()
        console.print(facts(rows))


def _line(text: str) -> str:
    """Put the beginning of a text on one line."""
    return " ".join(text.split())[:LONGEST]
