"""Does several pieces of work at once, and no more than it may."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self

from shared.errors import first_leaf

Arguments = ParamSpec("Arguments")


class LimitedTaskGroup:
    """A bounded number of pieces of work under way; the block ends when all are done.

    The first that fails stops the others.
    """

    def __init__(self, most: int | Callable[[], int]) -> None:
        """Take the bound, or what tells it before each piece."""
        self._most = most
        self._running = 0
        self._freed = asyncio.Event()
        self._group = asyncio.TaskGroup()

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
