"""Does several pieces of work at once, no more than it may, and ends what it has begun.

Before Python 3.12 a cancellation can get lost in asyncio.wait_for, which nats-py uses, and a task
group of asyncio cancels but once: what tries again for ever, and its group, then never end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Sequence
from contextvars import Context
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from shared.errors import first_leaf

IN_HAND_S = 12.0
"""Until a task is cancelled again that may finish first what it has in hand."""
LOOP_S = 1.0
"""The same for one that has nothing to finish."""
Loop = Callable[[], Awaitable[None]]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def end(tasks: Collection[asyncio.Task[Any]], again_s: float | None = None) -> None:
    """Cancel tasks until all have ended.

    Args:
        tasks: Them.
        again_s: How long each has until it is cancelled again; none: ``IN_HAND_S``.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=IN_HAND_S if again_s is None else again_s)


class TaskGroup(asyncio.TaskGroup):
    """A task group that cancels its tasks until they have ended."""

    def __init__(self, again_s: float | None = None) -> None:
        """Take how long a task has until it is cancelled again, as ``end`` does."""
        super().__init__()
        self._again_s = again_s
        self._begun = set[asyncio.Task[Any]]()

    def create_task(
        self,
        coro: Generator[Any, None, Result] | Coroutine[Any, Any, Result],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Result]:
        """Begin a task, as asyncio's group does."""
        task = super().create_task(coro, name=name, context=context)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return task

    async def __aexit__(
        self,
        et: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Wait for all, as asyncio's group does.

        Raises:
            ExceptionGroup: Some have failed.
        """
        if exc is None:
            try:
                while self._begun:
                    await asyncio.wait(self._begun)
            except asyncio.CancelledError as cancelled:
                et, exc, tb = type(cancelled), cancelled, cancelled.__traceback__
        if exc is None:
            return await super().__aexit__(None, None, None)
        ending = asyncio.ensure_future(end(self._begun, self._again_s))
        try:
            await super().__aexit__(et, exc, tb)
        finally:
            ending.cancel()


class LimitedTaskGroup:
    """A bounded number of pieces of work under way; the block ends when all are done.

    The first that fails stops the others.
    """

    def __init__(self, most: int | Callable[[], int]) -> None:
        """Take the bound, or what tells it before each piece."""
        self._most = most
        self._running = 0
        self._freed = asyncio.Event()
        self._group = TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for all.

        Raises:
            BaseException: What the first that failed has raised.
        """
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as errors:
            raise first_leaf(errors) from None

    async def begin(
        self,
        work: Callable[Arguments, Coroutine[Any, Any, object]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> None:
        """Begin a piece of work as soon as there is a place for it."""
        while self._running >= (self._most if isinstance(self._most, int) else self._most()):
            self._freed.clear()
            await self._freed.wait()
        self._running += 1
        self._group.create_task(self._do(partial(work, *args, **kwargs)))

    async def _do(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await work()
        finally:
            self._running -= 1
            self._freed.set()


async def run_together(loops: Sequence[Loop]) -> None:
    """Run loops until they are cancelled or one fails.

    Raises:
        ExceptionGroup: One of them failed.
    """

    async def work(loop: Loop) -> None:
        await loop()

    async with TaskGroup() as group:
        running = [group.create_task(work(loop)) for loop in loops]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await end(running)
