"""``mapstream refit``, ``rollback``, ``forget``, ``dead replay`` and ``dead drop``."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from services.cli.commands.answer_text import rows
from services.cli.commands.connection import connected
from services.cli.commands.request import ask
from services.cli.commands.tables import facts
from services.cli.domain.outcomes import exit_code
from services.cli.handlers.statuses import choose_collection, served_collections
from services.cli.settings import BusOptions, CliSettings
from shared.bus.connection import BusError, Client
from shared.bus.registry.channel import Channel, check_collection
from shared.bus.registry.channels import BY_FAMILY
from shared.bus.registry.commands import (
    COMMAND_CANCEL,
    COMMAND_CREATE,
    COMMAND_DELETE,
    COMMAND_RETRY,
    COMMAND_SUBMIT,
)
from shared.bus.status import collect
from shared.contracts.answers import Answer
from shared.contracts.base import Command, Event
from shared.contracts.commands import BY_NAME
from shared.errors import ConfigurationError, TransientError
from shared.mistakes import describe

ABOUT_ANY = (COMMAND_CREATE, COMMAND_DELETE, COMMAND_SUBMIT, COMMAND_CANCEL, COMMAND_RETRY)
"""Commands also about collections that nobody works on now, if they are named."""


def build(name: str, fields: Mapping[str, Any]) -> Command:
    """Build a command.

    Raises:
        ConfigurationError: A field has a value that the contract does not allow.
    """
    contract = BY_NAME[name]
    try:
        return contract(**fields)
    except ValidationError as error:
        raise ConfigurationError(describe(error, contract, name)) from error


async def change(
    command: Command,
    options: BusOptions,
    settings: CliSettings,
    *,
    timeout_s: float,
    keep: Callable[[Event | None], None] = lambda _: None,
) -> int:
    """Publish a command, wait for its answer and print it.

    Args:
        command: The command.
        options: Where to find the bus, and which collection.
        settings: The configuration.
        timeout_s: How long to wait.
        keep: Gets the event that answers, if one does.

    Returns:
        The exit code; see ``domain.outcomes``.

    Raises:
        ConfigurationError: Nobody serves the collection.
        TransientError: The bus cannot be reached.
    """
    channel = BY_FAMILY[command.family]
    async with connected(options, settings.nats) as client:
        collection = await _collection(client, channel, options, settings.collections)
        answer = await ask(client, collection, command, timeout_s=timeout_s)
    keep(answer.event)
    if options.is_json:
        sys.stdout.write(json.dumps(as_json(answer)) + "\n")
    else:
        _show(answer, command, timeout_s)
    return exit_code(answer.outcome, is_complete=answer.is_complete, refused=answer.refused)


async def _collection(
    client: Client, channel: Channel, options: BusOptions, configured: Sequence[str]
) -> str:
    """Choose the collection, and warn if the service that the command is for does not answer.

    Raises:
        ConfigurationError: Nobody serves it, or it must be chosen.
        TransientError: The bus was lost.
    """
    service = channel.consumers[0]
    try:
        statuses = await collect(client, awaited=(service,))
    except BusError as error:
        raise TransientError(f"the bus was lost: {error}") from error
    if options.collection and channel in ABOUT_ANY:
        collection = options.collection  # perhaps nobody works on it now
    else:
        served = served_collections(statuses)
        collection = choose_collection(options.collection, served, configured)
    if service not in statuses:
        sys.stderr.write(f"{service} does not answer; the command waits for it on the bus\n")
    return check_collection(collection)


def as_json(answer: Answer) -> dict[str, Any]:
    """Return what ``--json`` prints: the outcome, and the bodies of the events that told it."""
    event, published = answer.event, answer.published
    return {
        "outcome": answer.word,
        "correlation_id": answer.correlation_id,
        "event": event.model_dump(mode="json") if event else None,
        "published": published.model_dump(mode="json") if published else None,
    }


def _show(answer: Answer, command: Command, timeout_s: float) -> None:
    Console(highlight=False).print(facts(rows(answer, command)))
    if answer.is_complete:
        return
    what = "the public files do not show it" if answer.event else "there is no answer"
    sys.stderr.write(
        f"mapstream: {what} after {timeout_s:g} s; it is carried out all the same when its turn "
        "comes (see: mapstream status)\n"
    )
