"""How far a job is, in words of a line."""

from typing import Any

from services.cli.commands.jobs import progress_of
from shared.contracts.jobs import JobAnalysis, JobProgress, JobRecord
from tests.builders import NOW


def job(**fields: Any) -> JobRecord:
    given = {
        "id": "0123456789abcdef0123", "collection": "default", "kind": "fetch", "source_id": "s",
        "filename": "a.csv", "state": "running", "phase": "acquiring", "revision": 1,
        "created_at": NOW, "created_by": "me",
    }  # fmt: skip
    return JobRecord.model_validate(given | fields)


def test_while_a_file_is_read_elsewhere_its_words_stand_beside_ours() -> None:
    told = JobAnalysis(phase="matching", items_processed=1200, items_total=1300)

    assert progress_of(job()) == "acquiring"
    assert progress_of(job(analysis=told)) == "acquiring: matching 1,200/1,300 items"
    read = JobProgress(seen=4, done=1, dead=1)
    assert progress_of(job(analysis=told, phase="embedding", progress=read)) == (
        "embedding 2/4 (50.0%)"
    )
    ended = job(state="succeeded", phase="done", progress=read)
    assert progress_of(ended) == "2/4"
