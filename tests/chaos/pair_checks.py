"""Waits until a world of pairs is at rest, by its own look, and has everything compared."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pyarrow as pa
from nats.errors import Error as NatsError

from tests.chaos.acting import Actor
from tests.chaos.comparing import Comparison, Deviation, faults_of_subjects
from tests.chaos.losing import READERS
from tests.chaos.public_files import read_sources
from tests.chaos.subjects import Subject
from tests.chaos.world import World, apply_streams
from tests.waiting import ended

STILL = 5
"""So many looks in a row have to be the same."""
LOOK_S = 0.5
FLOWING = 4
"""With so many messages on the bus no more records come: a slow machine is not to be flooded."""
DURABLE_GONE = 71
"""With this code a service ends, to be started again, when its consumer is another one."""


@dataclass(slots=True)
class PairChecker:
    """Looks at one world."""

    world: World
    actor: Actor
    patience_s: float
    records: int = 0
    checks: int = 0

    async def is_unsettled(self, subject: Subject) -> bool:
        """Tell whether the public map lacks anything of a source as it was last, or has more."""
        try:
            stored = await asyncio.to_thread(
                read_sources, self.world.output / "default", {subject.name}
            )
        except (OSError, pa.ArrowException):
            return True
        rows = {row["id"]: row for row in stored.rows}
        return not any(rows == one.rows for one in subject.newest(self.actor.limit))

    async def settle(self, without: frozenset[str] = frozenset()) -> list[Deviation]:
        """Wait until nothing is on its way and nothing changes; return what is wrong then.

        First records keep coming until all that the round did is over. As long as something is
        wrong it waits on, until its patience is at an end: what is on its way inside of a service
        cannot be seen from outside.
        """
        problems = [] if "flow" in without else await self._while_records_come()
        if not problems:
            problems = await self._at_rest(without)
        self.checks += 1
        return problems + [
            Deviation("processes", one)
            for one in self.world.surprises()
            if not self._was_meant(one)
        ]

    async def _while_records_come(self) -> list[Deviation]:
        """Wait until the sources of this round are as they must be, with others coming on.

        It is patient as long as anything of them changes: on a machine with much to do that takes
        its time, while who is starved by what keeps coming stays as he is.
        """
        names = {one.name for one in self.actor.begun}
        moved, problems = time.monotonic(), ["nothing was looked at"]
        async with self._flow():
            while problems and time.monotonic() < moved + self.patience_s:
                await asyncio.sleep(LOOK_S)
                before, problems = problems, await asyncio.to_thread(self._faults_of_round, names)
                if problems != before:
                    moved = time.monotonic()
        waited = f"nothing changed for {self.patience_s:.0f} s while records came"
        return [Deviation("flow", f"{waited}: {one}") for one in problems]

    def _faults_of_round(self, names: set[str]) -> list[str]:
        try:
            stored = read_sources(self.world.output / "default", names)
        except (OSError, pa.ArrowException) as error:
            return [repr(error)]
        return list(faults_of_subjects(self.actor, "default", stored, names))

    @asynccontextmanager
    async def _flow(self) -> AsyncIterator[None]:
        """Have records come so that at any time some are under way, and never many."""

        async def flow() -> None:
            while True:
                looked = await self._look()
                if looked and looked[0] < FLOWING:
                    self.actor.subjects.begin("flow", 3)
                await asyncio.sleep(LOOK_S / 2)

        task = asyncio.create_task(flow())
        try:
            yield
        finally:
            await ended(task)

    async def _at_rest(self, without: frozenset[str]) -> list[Deviation]:
        end_s = time.monotonic() + self.patience_s
        before, same = None, 0
        problems = [Deviation("rest", f"not at rest within {self.patience_s:.0f} s")]
        while time.monotonic() < end_s:
            await asyncio.sleep(LOOK_S)
            now = await self._look()
            same = same + 1 if now == before else 0
            before = now
            if same < STILL or now is None or now[0]:
                continue
            problems = await asyncio.to_thread(self._compare, without)
            if now[1] and "streams" not in without:
                problems += await self._faults_of_streams()
            if not problems:
                break
        return problems

    async def _faults_of_streams(self) -> list[Deviation]:
        """Have the streams declared again, which removes what a killed server has restored."""
        await apply_streams(self.world)
        looked = await self._look()
        if looked and not looked[1]:
            return []
        return [Deviation("streams", f"messages of streams of work are nobody's: {looked}")]

    def _was_meant(self, surprise: str) -> bool:
        """Tell whether a service ended because its durable consumer had been deleted."""
        return self.actor.has_lost_consumers and surprise.endswith(f"code {DURABLE_GONE}")

    async def _look(self) -> tuple[int, int, tuple[int, ...]] | None:
        """Return how much work waits for its readers, how much for nobody, and the files' ages."""
        js = self.world.client.jetstream(timeout=2)
        waiting = left = 0
        try:
            for name in (*READERS, "COMMANDS"):
                messages = (await js.stream_info(name)).state.messages
                consumers = await js.consumers_info(name)
                work = sum(
                    (one.num_pending or 0) + (one.num_ack_pending or 0) for one in consumers
                )
                waiting, left = waiting + work, left + max(0, messages - work)
        except (NatsError, TimeoutError):
            return None
        folders = [self.world.output / name for name in self.world.collections]
        stamps = [
            (file / "logs.parquet").stat().st_mtime_ns
            for file in folders
            if (file / "logs.parquet").exists()
        ]
        return waiting, left, tuple(stamps)

    def _compare(self, without: frozenset[str]) -> list[Deviation]:
        problems, self.records = [], 0
        for collection in self.world.collections:
            if not self.actor.subjects.of(collection):
                continue
            compared = Comparison(self.actor, collection, without)
            problems += compared.deviations()
            if not problems:
                self.records += compared.records
        return problems
