"""Real logs, from file to batches."""

from pathlib import Path

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.handlers.dry_run import dry_run
from services.discovery.handlers.found import SourceToRead
from shared.contracts.batches import Batch
from tests.unit.discovery.builders import looked, read_all

RUNS = Path(__file__).parents[2] / "data" / "runs"
RECORDS = {
    "3ebeaf2_validation_rounds_baseline_heldout__ho-2__a01.jsonl": 4,
    "fc1ca8a_validation_rounds_baseline_heldout__ho-1__a01.jsonl": 3,
    "rlm_2026-05-16_08-12-00_5f4c2a91.jsonl": 1,
    "validation_rounds_baseline_heldin__hi-1__a01.jsonl": 3,
}


def repository() -> FolderSourceRepository:
    return FolderSourceRepository([Root(RUNS)])


async def test_every_record_of_the_complete_runs_is_found(tmp_path: Path) -> None:
    found: dict[str, int] = {}
    async with SqliteStateStore.open(tmp_path) as store:
        for source in await looked(repository(), store):
            assert isinstance(source, SourceToRead)
            batches = await read_all(source, repository())
            assert all(isinstance(one, Batch) for one in batches)
            found[source.stat.filename] = sum(len(b) for b in batches if isinstance(b, Batch))
        totals = await store.totals("default")

    assert found == RECORDS
    assert (totals.sources["reading"], totals.sources["incomplete"]) == (4, 1)


async def test_a_survey_of_the_runs() -> None:
    survey = await dry_run(repository())

    assert (survey.complete, survey.waiting, survey.records, survey.bad_lines) == (4, 1, 11, 0)
