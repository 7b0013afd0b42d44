"""Prints which columns a collection prefers, and has others chosen."""

import sys
from collections.abc import Iterator, Sequence

from pydantic import ValidationError
from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.tables import Row, facts
from services.cli.domain.outcomes import DONE, REJECTED
from services.cli.handlers.statuses import choose_collection, served_collections
from services.cli.handlers.waits import second_of
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.preferences import PreferenceBook
from shared.bus.status import collect
from shared.contracts.preferences import (
    SOMEBODY,
    ListPreferences,
    PreferencePage,
    Preferences,
    SetPreferences,
)
from shared.errors import ConfigurationError
from shared.mistakes import describe


async def work(
    options: BusOptions,
    settings: CliSettings,
    *,
    text: Sequence[str],
    context: Sequence[str] | None,
    is_choice: bool,
) -> int:
    """Tell what a collection prefers, after choosing other columns if that is wanted.

    Returns:
        The exit code: 0, or 5 if a column does not exist.

    Raises:
        ConfigurationError: The collection must be chosen, or a column is none.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    async with connected(options, settings.nats) as client:
        collection = options.collection
        if collection is None:
            served = served_collections(await collect(client))
            collection = choose_collection(None, served, settings.collections)
        book = PreferenceBook(client)
        if is_choice:
            done = await book.choose(
                _wish(collection, text, context, settings.nats.user or SOMEBODY)
            )
            if done.preferences is None:
                sys.stderr.write(f"mapstream: {done.reason}\n")
                return REJECTED
        page = await book.tell(ListPreferences(collection=collection))
    if options.is_json:
        sys.stdout.write(page.model_dump_json() + "\n")
    else:
        Console(highlight=False).print(facts(_facts(page)))
    return DONE


def _wish(
    collection: str, text: Sequence[str], context: Sequence[str] | None, who: str
) -> SetPreferences:
    """Write the wish.

    Raises:
        ConfigurationError: It is none.
    """
    fields = {
        "collection": collection,
        "text_columns": tuple(text),
        "context_columns": None if context is None else tuple(context),
        "by": who,
    }
    try:
        return SetPreferences.model_validate(fields)
    except ValidationError as error:
        raise ConfigurationError(describe(error, SetPreferences, "preferences")) from error


def _facts(page: PreferencePage) -> Iterator[Row]:
    if page.active is None:
        yield "preferences", "none: all columns make the text"
    for one in (page.active, *page.earlier):
        if one is not None:
            yield f"version {one.version}", _spelled(one)
    yield "columns there are", ", ".join(page.columns) or "none"
    if page.unknown:
        yield "not looked at yet", f"{page.unknown:,} files"


def _spelled(one: Preferences) -> str:
    text = ", ".join(one.text_columns) or "all columns"
    context = one.context_columns
    kept = "all others" if context is None else ", ".join(context) or "none"
    return f"text: {text}; beside it: {kept} ({one.updated_by}, {second_of(one.updated_at)})"
