from pathlib import Path

import pytest

from services.cli.handlers.watched_jobs import NoJobError, Watched
from shared.contracts.jobs import JobPage
from shared.errors import BusAway, TransientError

EXAMPLE = sorted((Path(__file__).parents[3] / "contract/examples/jobs.list").glob("*.answer.json"))
PAGE = JobPage.model_validate_json(EXAMPLE[-1].read_bytes())
JOB = PAGE.items[0]


def watched(*answers: JobPage | TransientError, told: list[str] | None = None) -> Watched:
    """Watch a job of which this is found, one look after the other."""
    left = iter(answers)

    async def find(job_id: str) -> JobPage:
        assert job_id == JOB.id
        answer = next(left)
        if isinstance(answer, TransientError):
            raise answer
        return answer

    return Watched(find, [JOB.id], (told if told is not None else []).append)


async def test_jobs_that_nobody_tells_of_for_a_while_are_as_they_were() -> None:
    later = PAGE.model_copy(update={"items": (JOB.model_copy(update={"revision": 99}),)})
    away = BusAway("discovery did not answer")
    told = list[str]()
    job = watched(PAGE, away, away, later, away, later, told=told)

    seen = [(await job.look())[0].revision for _ in range(6)]

    assert seen == [JOB.revision] * 3 + [99] * 3
    assert len(told) == 2
    assert "discovery did not answer" in told[0]


async def test_who_does_not_answer_at_the_beginning_is_not_waited_for() -> None:
    with pytest.raises(BusAway):
        await watched(BusAway("away")).look()


async def test_a_job_that_is_dropped_meanwhile_is_not_waited_for() -> None:
    job = watched(PAGE, NoJobError("there is no such job"))
    await job.look()

    with pytest.raises(NoJobError):
        await job.look()
