from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.dry_run import dry_run
from tests.fakes.source_repository import FakeSourceRepository
from tests.unit.discovery.builders import final, iteration, log


async def test_a_survey_counts_what_a_run_would_do() -> None:
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(iteration(1, "12345"), b"oops", final(2, "6789")))
    repository.put("b.jsonl", log(iteration()))
    repository.put("c.jsonl", log(final()))
    repository.unreadable.add("c.jsonl")
    repository.unlisted.append(FolderUnreadable("default", "/fake/d", "Permission denied"))

    survey = await dry_run(repository)
    assert (survey.complete, survey.waiting, survey.records, survey.bad_lines) == (1, 1, 2, 1)
    assert (survey.characters, survey.estimated_tokens) == (9, 3)
    (waits,) = survey.incomplete
    assert (waits.filename, waits.why) == ("b.jsonl", "no_final_answer")
    assert "final_answer" in waits.reason
    assert waits.since.startswith("1970-01-01T00:00:00")  # the fake counts nanoseconds
    assert [problem.split(" ")[0] for problem in survey.problems] == ["/fake/d:", "/fake/c.jsonl"]
