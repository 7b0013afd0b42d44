"""Lets changes of an SQLite file that wait for each other share one transaction.

What a transaction costs is its way to the disk. So while one is under way, what comes is
collected, and goes together into the next. Each change returns when it is on the disk, as if it
were alone.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from shared.errors import TransientError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(slots=True)
class Waiting:
    """A piece of work on the file that waits for its turn."""

    work: Callable[[], Any]
    is_change: bool
    result: Any = None
    error: BaseException | None = None
    turn: "asyncio.Future[None] | None" = None
    """The transaction that has it, once there is one."""


class GroupCommit:
    """Runs work on one connection, in a thread of its own, many pieces to a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.before_commit: Callable[[], None] | None = None
        """Does what follows from the changes of a transaction, in the same one."""
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._waiting: list[Waiting] = []
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[], Result], *, is_change: bool) -> Result:
        """Do some work in a transaction; whatever it raises undoes it, and it alone.

        Raises:
            TransientError: The file could not be read or written; nothing has changed.
        """
        mine = Waiting(work, is_change)
        self._waiting.append(mine)
        async with self._turn:
            if mine.turn is None:
                together, self._waiting = self._waiting, []
                loop = asyncio.get_running_loop()
                turn = loop.run_in_executor(self._thread, self._commit, together)
                for one in together:
                    one.turn = turn
                await asyncio.wait({turn})
        # Who was cancelled in its turn leaves a transaction that goes on without it.
        if mine.turn is not None:
            await asyncio.shield(mine.turn)
        if mine.error is not None:
            raise mine.error
        return mine.result

    async def close(self) -> None:
        """Close the connection, after what is under way."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def _commit(self, together: list[Waiting]) -> None:
        is_change = any(one.is_change for one in together)
        try:
            self._connection.execute("BEGIN IMMEDIATE" if is_change else "BEGIN")
            for one in together:
                self._do(one)
            if is_change and self.before_commit is not None:
                self.before_commit()
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  each that waits is told
            self._undo()
            for one in together:
                one.error = _explained(error)

    def _do(self, one: Waiting) -> None:
        """Do one piece of work, or nothing of it."""
        self._connection.execute("SAVEPOINT piece")
        try:
            one.result = one.work()
        except BaseException as error:
            if not self._connection.in_transaction:  # a full disk takes back everything
                raise
            one.error = _explained(error)
            self._connection.execute("ROLLBACK TO piece")
        self._connection.execute("RELEASE piece")

    def _undo(self) -> None:
        if self._connection.in_transaction:  # SQLite itself takes back what has no room
            self._connection.execute("ROLLBACK")


class Grouped(Protocol):
    """What has a connection to share transactions on."""

    _commits: GroupCommit


Store = TypeVar("Store", bound=Grouped)
Blocking = Callable[Concatenate[Store, Parameters], Result]
Awaited = Callable[Concatenate[Store, Parameters], Coroutine[Any, Any, Result]]


def change(method: Blocking[Store, Parameters, Result]) -> Awaited[Store, Parameters, Result]:
    """Make a blocking method a change that is on the disk when it returns."""
    return _grouped(method, is_change=True)


def reads(method: Blocking[Store, Parameters, Result]) -> Awaited[Store, Parameters, Result]:
    """Make a blocking method a look at one state of the file."""
    return _grouped(method, is_change=False)


def _grouped(
    method: Blocking[Store, Parameters, Result], *, is_change: bool
) -> Awaited[Store, Parameters, Result]:
    @wraps(method)
    async def run(self: Store, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        work = partial(method, self, *args, **kwargs)
        return await self._commits.run(work, is_change=is_change)

    return run


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.Error):
        return TransientError(f"the ledger of discovery: {error}")
    return error
