"""``mapstream run --dry-run``: what would be read."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from services.cli.adapters.owners import ask_terminal
from services.cli.commands.check import input_checks
from services.cli.commands.tables import NO_RECORD, incomplete, plain
from services.cli.domain.outcomes import NOTHING_MAPPED
from services.cli.settings import CliSettings, RunOptions, service_environment
from shared.contracts.statuses import IncompleteSource
from shared.preflight import require_fit


async def dry_run(options: RunOptions, settings: CliSettings) -> int:
    """Let discovery look at the sources without touching anything, and print what it found.

    Returns:
        The exit code: 0; 6 nothing would be mapped.

    Raises:
        ConfigurationError: The sources cannot be looked at like this.
        MapstreamError: Discovery failed.
    """
    require_fit(input_checks(options, settings))
    environment = service_environment(
        options, settings, nats_url=settings.nats.url, text2vec_port=None
    )
    found = await _survey(options, environment)
    if options.is_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        _show(found)
    return 0 if found["records"] else NOTHING_MAPPED


async def _survey(options: RunOptions, environment: Mapping[str, str]) -> dict[str, Any]:
    """Ask discovery what there is and, if vectors are kept, embedding how much of it is new."""
    if not (options.state / "embedding").exists():
        return await ask_terminal("discovery", environment=environment)
    limits = await ask_terminal("embedding", environment=environment)
    with TemporaryDirectory() as folder:
        texts = str(Path(folder, "texts"))
        wanted = {"texts": texts, "max_chars": limits["max_chars"]}
        found = await ask_terminal("discovery", wanted=wanted, environment=environment)
        told = await ask_terminal("embedding", wanted=wanted, environment=environment)
    tokens = -(-told["characters"] * found["estimated_tokens"] // max(1, found["characters"]))
    return found | {
        "texts": told["texts"],
        "known_texts": told["known_texts"],
        "tokens_to_embed": tokens,
    }


def _show(found: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in found.items():
        if not isinstance(value, (list, dict)):
            text = f"{value:,}" if isinstance(value, int) else str(value)
            table.add_row(plain(name.replace("_", " ")), plain(text))
    console = Console(highlight=False)
    console.print(table)
    some = [IncompleteSource.model_validate(one) for one in found["incomplete"]]
    for line in incomplete(some, found["waiting"]):
        console.print(plain(f"incomplete: {line}", "yellow"), soft_wrap=True)
    for problem in found["problems"]:
        console.print(plain(f"cannot be read: {problem}", "red"), soft_wrap=True)
    if not found["records"]:
        why = f": {NO_RECORD}" if found["complete"] else ""
        console.print(f"nothing would be mapped{why}", style="red", soft_wrap=True)
