"""What may follow on what in a job's life."""

from dataclasses import replace
from typing import Any

import pytest

from services.discovery.domain.jobs import (
    AT_ONCE,
    MOST_RETRIES,
    Counts,
    Job,
    JobRefusedError,
    View,
    admitted,
    cancel,
    follow,
    retry,
    start,
)
from tests.unit.discovery.builders import NOW


def job(**changes: Any) -> Job:
    given: dict[str, Any] = {
        "id": "a" * 20,
        "collection": "default",
        "kind": "re-embed",
        "source_id": "b" * 32,
        "filename": "a.jsonl",
        "place": 1,
        "created_at": NOW,
        "created_by": "local",
    }
    return Job(**given | changes)


def running(**changes: Any) -> Job:
    return replace(start(job(), NOW), **changes)


def test_only_what_waits_is_started() -> None:
    assert start(job(), NOW).state == "running"
    with pytest.raises(JobRefusedError):
        start(running(), NOW)


def test_phases_and_counts_never_go_back() -> None:
    before = running(phase="writing", counts=Counts(500, 400, 7))

    after = follow(before, View("embedding", Counts(200, 600, 3)), NOW)

    assert (after.phase, after.counts) == ("writing", Counts(500, 600, 7))
    assert after.revision == before.revision + 1


def test_what_is_too_little_to_tell_is_told_later() -> None:
    before = running(phase="embedding", counts=Counts(1000, 100, 0))

    assert follow(before, View("embedding", Counts(1000, 199, 0)), NOW) is before
    assert follow(before, View("embedding", Counts(1000, 150, 50)), NOW).counts.dead == 50


@pytest.mark.parametrize(
    ("ending", "phase"), [("succeeded", "done"), ("failed", "writing"), ("cancelled", "writing")]
)
def test_an_end_is_told_with_its_counts_however_small(ending: Any, phase: str) -> None:
    before = running(phase="writing", is_stalled=True, counts=Counts(10, 9, 0))

    after = follow(before, View("writing", Counts(10, 9, 1), ending=ending, reason="why"), NOW)

    assert (after.state, after.phase, after.counts.dead) == (ending, phase, 1)
    assert (after.is_stalled, after.ended_at, after.reason) == (False, NOW, "why")
    assert follow(after, View("done", Counts(11, 11, 11)), NOW) is after


def test_once_it_is_decided_it_stays_so_and_cannot_be_cancelled() -> None:
    decided = follow(running(), View("writing", is_decided=True), NOW)
    after = follow(decided, View("writing", is_stalled=True), NOW)

    assert after.is_decided
    assert not after.can_cancel
    with pytest.raises(JobRefusedError, match="too late"):
        cancel(after, NOW, "why")


def test_what_waits_or_runs_is_cancelled_and_what_has_ended_is_not() -> None:
    for one in (job(), running(is_stalled=True)):
        ended = cancel(one, NOW, "why")
        assert (ended.state, ended.ended_at, ended.is_stalled) == ("cancelled", NOW, False)
        with pytest.raises(JobRefusedError, match="has ended"):
            cancel(ended, NOW, "again")


def test_a_failed_job_is_retried_three_times_and_begins_anew() -> None:
    one = running(counts=Counts(9, 9, 1), version=4, is_decided=True)
    for number in range(1, MOST_RETRIES + 1):
        failed = follow(one, View(ending="failed", reason="why"), NOW)
        assert failed.can_retry
        again = retry(failed, 100 + number)
        assert (again.state, again.retries, again.place) == ("queued", number, 100 + number)
        assert (again.counts, again.version, again.is_decided) == (Counts(), None, False)
        assert (again.reason, again.ended_at, again.phase) == (None, None, "acquiring")
        one = start(again, NOW)
    failed = follow(one, View(ending="failed"), NOW)
    assert not failed.can_retry
    with pytest.raises(JobRefusedError, match="3 times"):
        retry(failed, 200)
    with pytest.raises(JobRefusedError, match="has not failed"):
        retry(running(), 200)


def test_the_first_that_came_have_the_free_places() -> None:
    queue = [job(id=f"{place:020x}", place=place) for place in (7, 3, 9, 5)]

    assert [one.place for one in admitted(1, queue)] == [3, 5]
    assert admitted(AT_ONCE, queue) == []
    assert admitted(AT_ONCE + 1, queue) == []
