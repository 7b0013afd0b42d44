"""What a courier has in hand, and lets go."""

import asyncio
from dataclasses import dataclass, field

from services.courier.domain.headers import Validators
from services.courier.handlers.coming import Fetched, Received
from services.courier.handlers.errands import Courier
from services.courier.handlers.fetch import Unchanged
from services.courier.ports import RefusedError
from shared.contracts.fetching import (
    DeliverFetch,
    FetchDelivered,
    FetchesTaken,
    FetchWork,
    TakeFetches,
)
from shared.errors import TransientError
from shared.task_groups import TaskGroup
from tests.waiting import until

TAG = Validators('"one"')
FETCHED = Fetched(blob="a" * 64, size=3, filename="a.csv", validators=TAG)


def work(number: int, attempt: int = 0) -> FetchWork:
    return FetchWork(
        job=f"{number:020x}",
        attempt=attempt,
        collection="default",
        url="https://example.org/a.csv",
        filename=None,
        by="me",
    )


@dataclass
class FakeErrands:
    """Discovery, as a courier hears it."""

    items: tuple[FetchWork, ...] = ()
    failures: int = 0
    asked: list[TakeFetches] = field(default_factory=list)
    told: list[DeliverFetch] = field(default_factory=list)

    async def take(self, asked: TakeFetches) -> FetchesTaken:
        self.asked.append(asked)
        return FetchesTaken(items=self.items)

    async def deliver(self, told: DeliverFetch) -> FetchDelivered:
        if self.failures:
            self.failures -= 1
            raise TransientError("away")
        self.told.append(told)
        return FetchDelivered(is_taken=True)


@dataclass
class FakeFetcher:
    """Fetches once it may, and notes what was given up."""

    outcome: Fetched | Unchanged | Exception = FETCHED
    may: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    async def fetch(self, one: FetchWork, received: Received) -> Fetched | Unchanged:
        self.begun.append(one.job)
        received.size, received.total = 5, 10
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.given_up.append(one.job)
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def test_what_is_told_of_no_more_is_let_go() -> None:
    errands, fetcher = FakeErrands((work(1), work(2))), FakeFetcher()
    courier = Courier(errands, fetcher, 6)  # type: ignore[arg-type]
    async with TaskGroup() as group:
        await courier.look(group)
        await until(lambda: len(fetcher.begun) == 2)
        errands.items = (work(2),)
        await courier.look(group)
        await until(lambda: fetcher.given_up == [work(1).job])
        fetcher.may.set()

    assert [one.job for one in errands.told] == [work(2).job]
    assert not errands.asked[1].can_analyze
    assert (errands.asked[1].room, set(errands.asked[1].holding)) == (
        4,
        {work(1).job, work(2).job},
    )
    told = {(one.job, one.received_bytes, one.total_bytes) for one in errands.asked[1].progress}
    assert told == {(work(1).job, 5, 10), (work(2).job, 5, 10)}


async def test_another_attempt_is_another_fetch() -> None:
    errands, fetcher = FakeErrands((work(1),)), FakeFetcher()
    courier = Courier(errands, fetcher, 6)  # type: ignore[arg-type]
    async with TaskGroup() as group:
        await courier.look(group)
        await until(lambda: fetcher.begun)
        errands.items = (work(1, attempt=1),)
        await courier.look(group)
        await until(lambda: len(fetcher.begun) == 2)
        fetcher.may.set()

    assert [one.attempt for one in errands.told] == [1]


async def test_what_came_of_it_is_told_until_it_is_heard() -> None:
    outcomes = (FETCHED, Unchanged(TAG), RefusedError("it is a PDF"), ValueError("a defect"))
    told = []
    for outcome in outcomes:
        errands, fetcher = FakeErrands((work(1),), failures=1), FakeFetcher(outcome)
        fetcher.may.set()
        async with TaskGroup() as group:
            await Courier(errands, fetcher, 6).look(group)  # type: ignore[arg-type]
        told += errands.told

    assert [(one.outcome, one.etag, one.reason) for one in told] == [
        ("fetched", '"one"', None),
        ("unchanged", '"one"', None),
        ("failed", None, "it is a PDF"),
        ("failed", None, "a defect of the courier, whose log has more: ValueError"),
    ]
