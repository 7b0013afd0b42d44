"""Shows dead letters: a page of them, or one with what it holds."""

import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.tables import Row, facts, listed
from services.cli.commands.watcher import Watcher
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.contracts.commands import Selection
from shared.contracts.dead_letter_views import content_of, facts_of
from shared.contracts.dead_letters import StoredLetter
from shared.errors import ConfigurationError, TransientError
from shared.mistakes import describe
from shared.terminal_safe import terminal_safe

SHOWN_CHARACTERS = 10_000
NUMBERS = ("number", "line", "byte", "records", "tries")
WORDS = ("stage", "file", "record", "reason")
"""The columns of the list."""


def selection_of(fields: Mapping[str, Any]) -> Selection:
    """Say which letters are meant.

    Raises:
        ConfigurationError: A field has a value that it may not have.
    """
    try:
        return Selection(**fields)
    except ValidationError as error:
        raise ConfigurationError(describe(error, Selection, "dead list")) from error


async def show_list(
    options: BusOptions, settings: CliSettings, selection: Selection, *, after: int, limit: int
) -> None:
    """Print a page of letters.

    Raises:
        ConfigurationError: The collection must be chosen.
        TransientError: The bus cannot be reached.
    """
    async with connected(options, settings.nats) as client:
        watcher = await Watcher.of(client, options.collection, settings.collections)
        log = DeadLetterLog(client)
        page = await log.page(watcher.collection, selection, after=after, limit=limit)
    if options.is_json:
        report = {
            "collection": watcher.collection,
            "total": page.total,
            "next_after": page.next_after,
            "items": [facts_of(one) for one in page.letters],
        }
        sys.stdout.write(json.dumps(report) + "\n")
        return
    console = Console(highlight=False)
    rows = [_row(one) for one in page.letters]
    for part in listed((*NUMBERS, *WORDS), rows, width=console.width, numbers=NUMBERS):
        console.print(part)
    of_all = "" if page.total is None else f" of {page.total:,}"
    shown = f"{len(page.letters):,}{of_all} dead letters"
    more = f"; next page: --after {page.next_after}" if page.next_after else ""
    console.print(f"{shown} of collection {watcher.collection}{more}")


async def show_one(
    options: BusOptions, settings: CliSettings, sequence: int, *, is_raw: bool
) -> None:
    """Print one letter whole.

    Raises:
        TransientError: There is none of this number, or the bus cannot be reached.
    """
    async with connected(options, settings.nats) as client:
        found = await DeadLetterLog(client).get(sequence)
    if found is None:
        raise TransientError(f"there is no dead letter {sequence}; see: mapstream dead list")
    if is_raw:
        sys.stdout.buffer.write(found.letter.body)
        return
    if options.is_json:
        body = base64.b64encode(found.letter.body).decode()
        report = facts_of(found) | {"content": content_of(found.letter.body), "body": body}
        sys.stdout.write(json.dumps(report, default=str) + "\n")
        return
    Console(highlight=False).print(facts(_rows(found)))


def _row(one: StoredLetter) -> Sequence[str]:
    letter = one.letter
    lines = f"{letter.line}-{letter.last_line}" if letter.last_line else letter.line
    numbers = (one.sequence, lines, letter.byte_offset, letter.records, letter.attempts)
    words = (letter.stage, letter.filename, (letter.record_id or "")[:12], letter.reason)
    return [
        *("" if number is None else str(number) for number in numbers),
        *(word or "" for word in words),
    ]


def _rows(one: StoredLetter) -> Iterator[Row]:
    for name, value in facts_of(one).items():
        if value is not None:
            yield name.replace("_", " "), str(value)
    content = content_of(one.letter.body)
    if isinstance(content, list):
        for record in content:
            yield "", ""
            for name, value in record.items():
                yield name, _short(str(value))
    elif content is not None:
        yield "text", _short(content)
    else:
        yield "bytes", "no text; write them with --raw"


def _short(text: str) -> str:
    text = terminal_safe(text, keep="\n\t")
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}… ({len(text):,} characters; see --raw)"
