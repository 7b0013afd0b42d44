"""What discovery tells of itself, as every status shows it."""

from collections.abc import Sequence
from typing import Any

from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.figures import TOLD, LedgerFigures
from shared.contracts.statuses import FailedSource, SourceFigures
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, iteration, log, looked


class Idle:
    has_looked = True
    unlisted: Sequence[FolderUnreadable] = ()

    def passed_over(self, collection: str) -> list[FolderUnreadable]:
        return [one for one in self.unlisted if one.collection == collection]


async def figures(store: FakeStateStore, *unlisted: FolderUnreadable) -> SourceFigures:
    scanner: Any = Idle()
    scanner.unlisted = unlisted
    found = LedgerFigures(store, store, store, scanner, ("default",))
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
