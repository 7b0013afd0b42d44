"""Prints jobs, how far they are, and who had what done."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.commands import command as commands
from services.cli.commands.connection import connected
from services.cli.commands.job_progress import analysis_of, progress_of
from services.cli.commands.tables import Row, facts, listed
from services.cli.domain.outcomes import DONE, PARTLY, REJECTED
from services.cli.handlers.waits import second_of
from services.cli.handlers.watched_jobs import NoJobError, Watched
from services.cli.settings import BusOptions, CliSettings
from shared.bus.connection import Client
from shared.bus.reading.jobs import JobBook
from shared.contracts.base import Command, Message
from shared.contracts.jobs import (
    MOST_JOBS,
    Effect,
    EffectPage,
    JobPage,
    JobRecord,
    JobsSubmitted,
    ListEffects,
    ListJobs,
)
from shared.errors import ConfigurationError
from shared.mistakes import describe

COLUMNS = ("job", "kind", "source", "state", "progress", "since")
EFFECTS = ("when", "who", "action", "kind", "source", "outcome", "why")
LOOK_S = 0.5
ACTIVE = ("queued", "running")


async def show_list(
    options: BusOptions, settings: CliSettings, asked: Mapping[str, Any], *, limit: int
) -> None:
    """Print the newest jobs.

    Raises:
        ConfigurationError: There is no such state or kind.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    wanted = _asking(ListJobs, {**asked, "collection": options.collection})
    async with connected(options, settings.nats) as client:
        found = [one async for one in _all_jobs(JobBook(client), wanted, limit)]
    if options.is_json:
        sys.stdout.write(JobPage(items=tuple(found)).model_dump_json(include={"items"}) + "\n")
        return
    _print(COLUMNS, [row_of(one) for one in found])
    sys.stdout.write(f"{len(found):,} {'job' if len(found) == 1 else 'jobs'}\n")


async def show(job_id: str, options: BusOptions, settings: CliSettings) -> None:
    """Print a job and its log.

    Raises:
        ConfigurationError: It is no id of a job.
        TransientError: The bus cannot be reached, no discovery answers, or there is no such job.
    """
    async with connected(options, settings.nats) as client:
        page = await _one(JobBook(client), job_id)
    if options.is_json:
        sys.stdout.write(page.model_dump_json(include={"items", "log"}) + "\n")
        return
    console = Console(highlight=False)
    console.print(facts(_facts(page.items[0])))
    console.print(facts((second_of(line.at), line.line) for line in page.log))


async def change(
    name: str, job_id: str, options: BusOptions, settings: CliSettings, *, timeout_s: float
) -> int:
    """Cancel or retry a job; returns the exit code.

    Raises:
        ConfigurationError: It is no id of a job.
        TransientError: The bus cannot be reached, no discovery answers, or there is no such job.
    """
    given = commands.build(name, {"job": job_id})
    async with connected(options, settings.nats) as client:
        page = await _one(JobBook(client), job_id)
    about = BusOptions(
        url=options.url,
        output=options.output,
        collection=page.items[0].collection,
        is_json=options.is_json,
    )
    return await commands.change(given, about, settings, timeout_s=timeout_s)


async def submit(
    command: Command, options: BusOptions, settings: CliSettings, *, timeout_s: float
) -> int:
    """Queue jobs, print which, and show how far they are until they have ended.

    Returns:
        The exit code: of the command if there are none, else as ``watch``.

    Raises:
        ConfigurationError: The collection must be chosen.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    told = list[JobsSubmitted]()

    def keep(event: object) -> None:
        if isinstance(event, JobsSubmitted):
            told.append(event)

    code = await commands.change(command, options, settings, timeout_s=timeout_s, keep=keep)
    if code != DONE or not told:
        return code
    ids = [one.job.id for one in told[0].jobs if one.job is not None]
    refused = len(told[0].jobs) - len(ids)
    return max(await watch(ids, options, settings), REJECTED if refused else DONE)


async def watch(ids: Sequence[str], options: BusOptions, settings: CliSettings) -> int:
    """Show how far jobs are until they have ended; discovery may be away meanwhile.

    Returns:
        0 if all have succeeded, 3 if one has warnings, 5 if one has failed or was cancelled.

    Raises:
        ConfigurationError: One is no id of a job.
        TransientError: The bus cannot be reached, no discovery answers at the beginning, or there
            is no such job.
    """
    console = Console(highlight=False)
    async with connected(options, settings.nats) as client:
        wanted = list(ids) or await _active(client, options.collection)
        told = dict[str, int]()
        watched = Watched(partial(_one, JobBook(client)), wanted, sys.stderr.write)
        with Live(console=console, refresh_per_second=4) as live:
            while True:
                found = await watched.look()
                if options.is_json:
                    _write_changes(found, told)
                elif console.is_terminal:
                    live.update(_table(found))
                if not any(one.state in ACTIVE for one in found):
                    break
                await asyncio.sleep(LOOK_S)
        if not (options.is_json or console.is_terminal):
            _print(COLUMNS, [row_of(one) for one in found])
    return code_of(found)


async def show_effects(
    options: BusOptions, settings: CliSettings, asked: Mapping[str, Any], *, limit: int
) -> None:
    """Print who had what done, the newest first.

    Raises:
        ConfigurationError: It is no id of a job.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    wanted = _asking(ListEffects, {**asked, "collection": options.collection})
    found = list[Effect]()
    async with connected(options, settings.nats) as client:
        before: int | None = None
        while len(found) < limit:
            most = min(limit - len(found), MOST_JOBS)
            changed = {"before": before, "limit": most}
            page = await JobBook(client).effects(wanted.model_copy(update=changed))
            found += page.items
            before = page.next_before
            if before is None:
                break
    if options.is_json:
        sys.stdout.write(EffectPage(items=tuple(found)).model_dump_json(include={"items"}) + "\n")
        return
    _print(EFFECTS, [_effect(one) for one in found])


def code_of(jobs: Sequence[JobRecord]) -> int:
    """Choose the exit code of jobs that have ended."""
    if any(one.state in ("failed", "cancelled") for one in jobs):
        return REJECTED
    return PARTLY if any(one.warnings for one in jobs) else DONE


def row_of(job: JobRecord) -> tuple[str, ...]:
    """Write a job as a row of a table."""
    where = f"place {job.position}" if job.position else progress_of(job)
    state = f"{job.state}, stands still" if job.is_stalled else job.state
    since = job.ended_at or job.started_at or job.created_at
    return job.id, job.kind, job.filename, state, where, second_of(since)


def _facts(job: JobRecord) -> Iterator[Row]:
    yield from zip(COLUMNS, row_of(job), strict=True)
    yield "who", job.created_by
    yield "collection", job.collection
    yield "retries", f"{job.retries} of {job.max_retries}"
    yield "revision", f"{job.revision:,}"
    if (told := job.analysis) is not None:
        found = f"{told.matches_found:,} matched, {told.review_queue:,} to review"
        yield "analysis", f"{analysis_of(told)}, {found}, {told.errors:,} errors"
    if job.reason:
        yield "reason", job.reason
    if job.why:
        yield "why", job.why


def _effect(one: Effect) -> Sequence[str]:
    at, why = second_of(one.at), one.reason or ""
    return at, one.who, one.action, one.kind, one.filename, one.outcome, why


def _table(jobs: Sequence[JobRecord]) -> Table:
    table = Table.grid(padding=(0, 2))
    for job in jobs:
        table.add_row(*(Text.from_ansi(text) for text in row_of(job)[1:5]))
    return table


def _write_changes(jobs: Sequence[JobRecord], told: dict[str, int]) -> None:
    for job in jobs:
        if told.get(job.id) != job.revision:
            told[job.id] = job.revision
            sys.stdout.write(job.model_dump_json() + "\n")
            sys.stdout.flush()


def _print(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = Console(highlight=False)
    for part in listed(names, rows, width=console.width, whole=("job",)):
        console.print(part)


def _asking(contract: type[Message], fields: Mapping[str, Any]) -> Any:
    """Make a question of what was given.

    Raises:
        ConfigurationError: A value is none that the contract allows.
    """
    try:
        return contract(**{name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(describe(error, contract, "jobs")) from error


async def _all_jobs(book: JobBook, wanted: ListJobs, limit: int) -> AsyncIterator[JobRecord]:
    left, before = limit, None
    while left > 0:
        changed = {"before": before, "limit": min(left, MOST_JOBS)}
        page = await book.jobs(wanted.model_copy(update=changed))
        for one in page.items:
            yield one
        left, before = left - len(page.items), page.next_before
        if before is None:
            return


async def _active(client: Client, collection: str | None) -> list[str]:
    asked = ListJobs(collection=collection, states=ACTIVE, limit=MOST_JOBS)
    return [one.id for one in (await JobBook(client).jobs(asked)).items]


async def _one(book: JobBook, job_id: str) -> JobPage:
    """Return a job and its log.

    Raises:
        ConfigurationError: It is no id of a job.
        TransientError: There is none of this id, or no discovery answers.
    """
    page = await book.jobs(_asking(ListJobs, {"job": job_id}))
    if not page.items:
        raise NoJobError(f"there is no job '{job_id}'; see: mapstream jobs list")
    return page
