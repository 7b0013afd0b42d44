"""What the status says of sources that stand still."""

from services.cli.commands.status import rows
from services.cli.handlers.figures import Figures
from shared.contracts.statuses import SourceFigures

STALLED = {
    "filename": "a.jsonl",
    "stage": "embedding",
    "since": "2026-01-01T12:00:00.123456Z",
    "in_flight": 1234,
}
SINCE = "nothing has moved since 2026-01-01T12:00:00Z"


def ledger(**told: object) -> SourceFigures:
    return SourceFigures.model_validate(told)


def stalled(figures: Figures) -> list[str]:
    return [str(text) for name, text in rows(figures) if name == "stalled"]


def test_a_stalled_source_names_its_stage_and_what_is_the_matter_with_it() -> None:
    figures = Figures(
        ledger(stalled=[STALLED], stalled_sources=3), blocked={"embedding": "refused"}
    )

    assert stalled(figures) == [
        f"a.jsonl: 1,234 records in flight, held by embedding (refused); {SINCE}",
        "and 2 more sources",
    ]


def test_what_is_gone_is_named_with_what_stays_of_it() -> None:
    since = "2026-01-01T12:00:00Z"
    facts = {"filename": "a.jsonl", "since": since, "mapped": 234, "same_as": None}
    other = facts | {"filename": "latest.jsonl", "same_as": "b.jsonl"}
    figures = Figures(ledger(gone=[facts, other], gone_sources=5))

    assert [str(text) for name, text in rows(figures) if name == "gone"] == [
        "a.jsonl: not there since 2026-01-01T12:00:00Z; 234 records stay until they are forgotten",
        "latest.jsonl: its file is read as b.jsonl",
        "and 3 more",
    ]
    told = figures.report()
    assert (told["gone"], told["gone_sources"]) == ([facts, other], 5)
    assert figures.summary(1)["gone_sources"] == 5


def test_a_stage_that_runs_has_no_excuse() -> None:
    figures = Figures(
        ledger(stalled=[STALLED], stalled_sources=1), states={"embedding": "running"}
    )

    (told,) = stalled(figures)
    assert "held by embedding;" in told


def test_the_report_has_the_same() -> None:
    told = Figures(ledger(stalled=[STALLED], stalled_sources=3)).report()

    assert (told["stalled"], told["stalled_sources"]) == ([STALLED], 3)


def test_what_cannot_be_true_is_told_with_its_source() -> None:
    since = STALLED["since"]
    one = {"filename": "a.jsonl", "batch_id": "b", "what": "10 and 11", "since": since}
    told = Figures(ledger(contradicted=[one], contradicted_batches=1))

    assert ("contradicted", "a.jsonl: 10 and 11") in [(row[0], str(row[1])) for row in rows(told)]
    assert told.report()["contradicted_batches"] == 1
    assert told.report()["contradicted"][0]["what"] == "10 and 11"
