"""What waits beside the dataset, compared with what the ledger says of it."""

from types import SimpleNamespace
from typing import Any, cast

from services.cli.domain.kept import Staged, What
from services.cli.domain.verdict import Verdict
from services.cli.handlers.verify_waiting import waiting

BATCHES = frozenset({"b1", "b2"})


def staged(source: str, *, is_over: bool = False, batch_ids: frozenset[str] = BATCHES) -> Staged:
    return Staged(source, f"{source}.jsonl", 2, batch_ids, is_over)


def found(
    verdict: Verdict, *there: Staged, awaited: tuple[Staged, ...] = ()
) -> list[tuple[str, str | None]]:
    kept = SimpleNamespace(
        collection="default",
        doubted=lambda: [("b9", "c.jsonl")],
        staged=lambda: there,
        awaited=lambda: awaited,
    )
    return [(one.what, one.source) for one in waiting(cast("Any", kept), verdict)]


def test_what_waits_and_is_waited_for_is_no_difference() -> None:
    verdict = Verdict("default")

    assert found(verdict, staged("a"), awaited=(staged("a"),)) == [(What.IN_DOUBT, "c.jsonl")]
    assert verdict.staged_over == verdict.doubtful == {}


def test_what_waits_of_a_version_that_is_over_is_to_be_let_go() -> None:
    verdict = Verdict("default")

    told = found(verdict, staged("a", is_over=True), staged("b"))

    assert told[1:] == [(What.STAGED_OVER, "a.jsonl")]
    assert verdict.staged_over == {"a": 2}


def test_beside_another_ledger_nothing_that_waits_means_anything() -> None:
    verdict = Verdict("default", apart={"discovery": "it is of another dataset"})

    told = found(verdict, staged("a"), staged("b"))

    assert told[1:] == [(What.STAGED_OVER, "a.jsonl"), (What.STAGED_OVER, "b.jsonl")]
    assert verdict.staged_over == {"a": 2, "b": 2}


def test_beside_another_state_of_projection_it_waits_on() -> None:
    verdict = Verdict("default", apart={"projection": "it is of another dataset"})

    assert found(verdict, staged("a"))[1:] == []


def test_what_is_waited_for_and_not_whole_is_to_be_read_again() -> None:
    verdict = Verdict("default")

    told = found(
        verdict, staged("a", batch_ids=frozenset({"b1"})), awaited=(staged("a"), staged("b"))
    )

    assert told[1:] == [(What.STAGED_LOST, "a.jsonl"), (What.STAGED_LOST, "b.jsonl")]
    assert sorted(verdict.doubtful) == ["a.jsonl", "b.jsonl"]
