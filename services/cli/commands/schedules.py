"""Prints schedules, and has something done with them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.tables import listed
from services.cli.domain.outcomes import DONE, REJECTED
from services.cli.handlers.statuses import choose_collection, served_collections
from services.cli.handlers.waits import second_of
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.schedules import ScheduleBook
from shared.bus.status import collect
from shared.contracts.preferences import SOMEBODY
from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    SchedulePage,
    ScheduleRecord,
)
from shared.errors import ConfigurationError
from shared.mistakes import describe

COLUMNS = ("schedule", "url", "every", "state", "next", "ran", "missed", "overlapped", "last good")
NUMBERS = ("ran", "missed", "overlapped")


async def show_list(options: BusOptions, settings: CliSettings) -> None:
    """Print the schedules.

    Raises:
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    async with connected(options, settings.nats) as client:
        page = await ScheduleBook(client).tell(ListSchedules(collection=options.collection))
    _print(page.items, is_json=options.is_json)


async def change(
    options: BusOptions, settings: CliSettings, action: str, fields: Mapping[str, Any]
) -> int:
    """Have something done with a schedule, and print it.

    Returns:
        The exit code: 0, or 5 if it cannot be.

    Raises:
        ConfigurationError: The collection must be chosen, or a value is none.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    async with connected(options, settings.nats) as client:
        said = {**fields, "action": action, "by": settings.nats.user or SOMEBODY}
        if action == "add":
            served = served_collections(await collect(client))
            chosen = options.collection or choose_collection(None, served, settings.collections)
            said["collection"] = chosen
        done = await ScheduleBook(client).change(_wish(said))
    if done.schedule is None:
        sys.stderr.write(f"mapstream: {done.reason}\n")
        return REJECTED
    _print((done.schedule,), is_json=options.is_json)
    return DONE


def _wish(said: Mapping[str, Any]) -> ChangeSchedule:
    """Write the wish.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        return ChangeSchedule.model_validate(said)
    except ValidationError as error:
        raise ConfigurationError(describe(error, ChangeSchedule, "schedules")) from error


def _print(schedules: Sequence[ScheduleRecord], *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(SchedulePage(items=tuple(schedules)).model_dump_json() + "\n")
        return
    console = Console(highlight=False)
    rows = [_row(one) for one in schedules]
    for part in listed(COLUMNS, rows, width=console.width, numbers=NUMBERS, whole=COLUMNS[:1]):
        console.print(part)


def _row(one: ScheduleRecord) -> tuple[str, ...]:
    state = "paused" if one.is_paused else "nothing fresh" if one.is_stale else "active"
    return (
        one.id,
        one.filename or one.url,
        f"{one.every_hours} h",
        state,
        second_of(one.next_at),
        f"{one.ran:,}",
        f"{one.missed:,}",
        f"{one.overlapped:,}",
        second_of(one.succeeded_at) if one.succeeded_at else "",
    )
