"""What discovery tells of itself, as every status shows it."""

from collections.abc import Sequence
from typing import Any

from structlog.testing import capture_logs

from services.discovery.domain.ledger import Commit
from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.figures import TOLD, LedgerFigures
from services.discovery.handlers.found import SourceToRead
from shared.contracts.statuses import FailedSource, SourceFigures
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, final, iteration, log, looked


class Idle:
    def has_looked(self, _collection: str) -> bool:
        return True

    unlisted: Sequence[FolderUnreadable] = ()

    def passed_over(self, collection: str) -> list[FolderUnreadable]:
        return [one for one in self.unlisted if one.collection == collection]


async def figures(store: FakeStateStore, *unlisted: FolderUnreadable) -> SourceFigures:
    scanner: Any = Idle()
    scanner.unlisted = unlisted
    found = LedgerFigures(store, store, store, store, scanner, ("default",))
    await found.refresh()
    return found.by_collection["default"]


async def test_a_folder_that_cannot_be_listed_is_told_at_once_as_what_failed() -> None:
    """A run that ends by itself has ended before it is worth telling as a wait."""
    mine = FolderUnreadable("default", "/logs/locked", "Permission denied")
    others = FolderUnreadable("other", "/other/locked", "Permission denied")

    told = await figures(FakeStateStore(), mine, others)

    assert told.failures == [FailedSource(filename="/logs/locked", reason="Permission denied")]


async def test_every_incomplete_source_is_counted_and_the_first_are_named_with_the_reason() -> (
    None
):
    store, repository = FakeStateStore(), FakeSourceRepository()
    for number in range(TOLD + 5):
        repository.put(f"{number:02}.jsonl", log(iteration()))
    repository.put("00.jsonl", b"")
    await looked(repository, store)

    told = await figures(store)
    first, second = told.incomplete[:2]
    assert (told.incomplete_sources, len(told.incomplete)) == (TOLD + 5, TOLD)
    assert (first.filename, first.why) == ("00.jsonl", "empty")
    assert (second.why, second.since) == ("no_final_answer", NOW)
    assert "final_answer" in (second.reason or "")


async def test_what_cannot_be_true_is_told_with_its_numbers_and_logged_once() -> None:
    store, repository = FakeStateStore(), FakeSourceRepository()
    repository.put("a.jsonl", log(final()))
    (source,) = await looked(repository, store)
    assert isinstance(source, SourceToRead)
    one = source.stat.source_id
    await store.record_batch("b0", one, 1, 2)
    await store.apply_committed([Commit("b0", one, 1, 3)], NOW)
    scanner: Any = Idle()
    found = LedgerFigures(store, store, store, store, scanner, ("default",))

    with capture_logs() as logs:
        await found.refresh()
        await found.refresh()

    told = found.by_collection["default"]
    what = "2 records were sent, and the dataset has 3 rows"
    assert told.contradicted_batches == 1
    assert [(each.filename, each.what) for each in told.contradicted] == [("a.jsonl", what)]
    assert [(each["event"], each["what"]) for each in logs] == [("accounts.contradict", what)]
