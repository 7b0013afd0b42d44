"""``mapstream run``: the whole pipeline on one machine."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from services.cli.adapters.processes import Ended
from services.cli.commands.check import run_checks, service_findings
from services.cli.commands.display import LISTED, Display
from services.cli.commands.local_pipeline import LocalPipeline
from services.cli.commands.open_page import open_when_there
from services.cli.commands.request import ask
from services.cli.commands.run_lock import OTHERS, only_run, restrict, share
from services.cli.commands.stop import StoppedError, unless_stopped
from services.cli.commands.watcher import DeadLetters, Watcher
from services.cli.domain.outcomes import NOTHING_MAPPED
from services.cli.handlers.figures import Figures
from services.cli.settings import CliSettings, RunOptions, has_desktop
from shared.bus.connection import BUS_ERRORS, Client
from shared.contracts.answers import Answer
from shared.contracts.commands import Refit
from shared.contracts.projection import ProjectionUpdated
from shared.errors import ConfigurationError, TransientError
from shared.preflight import require_fit
from shared.task_groups import TaskGroup

LOOK_EVERY_S = 0.25
LETTERS_S = 2.0
HALTED_LOOKS = 240
"""After so many looks, a minute, a halt does not end by itself."""
CASUALTIES = 3
INTERRUPTED = 130


async def run(options: RunOptions, settings: CliSettings) -> int:
    """Run the pipeline until it is drained (``--once``) or interrupted.

    Returns:
        The exit code: 0 all that was seen is mapped; 3 something was dead-lettered or failed;
        6 nothing could be mapped; 130 interrupted before it was drained.

    Raises:
        ConfigurationError: It cannot start like this.
    """
    umask = settings.umask(os.umask(OTHERS))
    os.umask(umask)
    require_fit(run_checks(options, settings))
    try:
        return await _finished(options, settings, umask)
    except ConfigurationError as error:
        faults = [one for one in await service_findings(options, settings) if not one.is_ok]
        lines = [*str(error).splitlines(), *(one.line for one in faults)]
        raise ConfigurationError("\n".join(dict.fromkeys(lines))) from error


async def _finished(options: RunOptions, settings: CliSettings, umask: int) -> int:
    with only_run(options.state), Display() as display:
        restrict(options.output / options.collection, umask)
        if settings.readable_by is not None:
            share(options.output, umask)
            share(options.output / options.collection, umask)
        started = time.monotonic()
        run = _Run(options, settings, display, asyncio.Event())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, run.be_stopped)
        figures = await run.until_done()
        seconds = time.monotonic() - started
    display.summarise(figures, seconds, run.dead, options.output / options.collection)
    if options.is_json:
        sys.stdout.write(json.dumps(figures.summary(seconds)) + "\n")
    if run.is_halted:
        return CASUALTIES
    if options.is_once and not run.is_drained:
        return INTERRUPTED
    return outcome(figures) if options.is_once else 0


def outcome(figures: Figures) -> int:
    """Choose the exit code of a run that has ended by itself."""
    if figures.has_casualties:
        return CASUALTIES
    return NOTHING_MAPPED if figures.is_empty else 0


async def _unless_bus_is_away(asking: Coroutine[Any, Any, Answer]) -> Answer | None:
    """Return no answer when the bus could not be asked: then the question is put again."""
    try:
        return await asking
    except TransientError:
        return None


class _Run:
    """One run and what it has seen last."""

    def __init__(
        self, options: RunOptions, settings: CliSettings, display: Display, stop: asyncio.Event
    ) -> None:
        self._options = options
        self._display = display
        self._stop = stop
        self._pipeline = LocalPipeline(
            options,
            settings,
            self._tell_restart,
            partial(self._display.say, style="yellow"),
            stop.set,
        )
        self._figures = Figures()
        self.is_drained = False
        self.is_halted = False
        self._asked_at: float | None = None
        self._halted_looks = 0
        self.dead = DeadLetters()

    async def until_done(self) -> Figures:
        """Start everything, watch it, stop it; returns the last figures."""
        with contextlib.suppress(StoppedError):
            await self._work()
        if self._asked_at is not None:
            seconds = time.monotonic() - self._asked_at
            self._display.say(f"stopped: every process has ended, after {seconds:.1f} s")
        for name in self._pipeline.killed:
            self._display.say(f"{name} did not end by itself and was killed", style="yellow")
        return self._figures

    async def _work(self) -> None:
        async with self._pipeline.started(self._stop) as client:
            self._display.say(f"bus at {self._pipeline.url}, logs in {self._options.state}/logs")
            if self._pipeline.gateway_url:
                self._display.say(f"http at {self._pipeline.gateway_url}")
                await self._open(self._pipeline.gateway_url)
            if not self._options.is_once:
                self._display.say("watching for new records; stop with Ctrl-C")
            watcher = Watcher(client, self._options.collection)
            if self._options.is_once:
                await self._drain(client, watcher)
            else:
                await self._watch(watcher, lambda _: False)  # until told to stop
            if self._figures.has_casualties:
                self.dead = await self._dead_letters(watcher)

    async def _open(self, url: str) -> None:
        if self._options.opens_page:
            told = await open_when_there(url, self._stop, has_desktop=has_desktop())
            self._display.say(told)

    def be_stopped(self) -> None:
        """Stop as soon as possible."""
        if not self._stop.is_set():
            self._asked_at = time.monotonic()
            self._display.say("stopping; what is not finished is gone on with at the next start")
        self._stop.set()

    async def _dead_letters(self, watcher: Watcher) -> DeadLetters:
        """List them for the summary, unless the bus is away."""
        try:
            async with asyncio.timeout(LETTERS_S):
                return await watcher.dead_letters(LISTED)
        except BUS_ERRORS:
            return DeadLetters()

    async def _drain(self, client: Client, watcher: Watcher) -> None:
        """Wait until all is mapped, refit if anything came after the last fit, wait again."""
        while await self._watch(watcher, lambda figures: figures.is_drained):
            if not self._figures.model.is_stale or not await self._refit(client, watcher):
                break
        await self._watch(watcher, lambda figures: figures.is_drained and figures.is_published)
        self.is_drained = not self._stop.is_set() and not self.is_halted

    async def _refit(self, client: Client, watcher: Watcher) -> bool:
        """Fit the model to everything; force, since a drained map is the exact PCA of it all.

        Returns:
            Whether it is worth to look again; not after a refusal.
        """
        command = Refit(reason="drain", force=True)
        asking = ask(client, watcher.collection, command, timeout_s=None)
        async with TaskGroup() as group:
            asked = group.create_task(_unless_bus_is_away(asking))
            await self._watch(watcher, lambda _: asked.done())
            asked.cancel()
        answer = None if asked.cancelled() else asked.result()
        if answer is None:
            return True
        if isinstance(answer.event, ProjectionUpdated):
            newest = answer.event.model.version
            return await self._watch(watcher, lambda figures: figures.model.version >= newest)
        reason = getattr(answer.event, "reason", "points would move too far")
        self._display.say(f"the last refit was {answer.word}: {reason}", style="yellow")
        return False

    async def _watch(self, watcher: Watcher, is_enough: Callable[[Figures], bool]) -> bool:
        """Show progress until it is enough; returns False when told to stop before."""
        while not self._stop.is_set():
            try:
                figures = await unless_stopped(self._stop, watcher.look(is_patient=True))
            except StoppedError:
                break
            if figures.states:
                self._figures = figures
                self._display.show(figures)
                if is_enough(figures):
                    return True
                if self._options.is_once and self._stands_halted(figures):
                    return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), LOOK_EVERY_S)
        return False

    def _stands_halted(self, figures: Figures) -> bool:
        """Tell whether a stage has been halted for long: a run that ends by itself gives up."""
        self._halted_looks = self._halted_looks + 1 if figures.halted else 0
        if self._halted_looks < HALTED_LOOKS:
            return False
        for stage, reason in figures.halted.items():
            self._display.say(f"{stage} is halted: {reason}", style="red")
        self.is_halted = True
        return True

    def _tell_restart(self, ended: Ended, pause_s: float) -> None:
        how = f"ended with code {ended.code}: {ended.last_line}"
        if ended.code < 0:  # what it wrote last has nothing to do with it
            how = f"was ended by {signal.Signals(-ended.code).name}"
        self._display.say(
            f"{ended.name} {how.removesuffix(': ')}; starting it again in "
            f"{pause_s:.1f} s (log: {ended.log_file})",
            style="yellow",
        )
