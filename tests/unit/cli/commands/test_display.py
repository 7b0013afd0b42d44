import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.commands.display import LISTED, PLAIN_EVERY_S, Display
from services.cli.commands.status import rows
from services.cli.commands.tables import facts, percent
from services.cli.commands.watcher import DeadLetterLine, DeadLetters
from services.cli.handlers.figures import Figures
from shared.contracts.projection import Decision, Movement
from shared.contracts.statuses import (
    DatasetFigures,
    HeldRefit,
    Ledger,
    ModelFigures,
    SourceFigures,
)
from shared.services import STAGES

RUNNING = Figures(
    SourceFigures(
        sources={"completed": 2, "incomplete": 1, "failed": 0},
        records=Ledger(seen=1200, mapped=1000, dead=1, in_flight=199),
        has_looked=True,
    ),
    ModelFigures(version=2, explained_variance_ratio=[0.25, 0.125]),
    DatasetFigures(rows=1000),
    lag={"embedding": 3, "writing": 0},
    states=dict.fromkeys(STAGES, "running"),
)


def with_ledger(**told: object) -> Figures:
    """What runs, with something else told by discovery."""
    ledger = RUNNING.ledger.model_dump() | told
    return replace(RUNNING, ledger=SourceFigures.model_validate(ledger))


WAITS_FOR_ITS_END = {
    "filename": "b.jsonl",
    "why": "no_final_answer",
    "reason": "its last line has no final_answer",
    "since": "2026-01-01T12:00:00.500000Z",
}


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def display(screen: io.StringIO, *, is_terminal: bool = False) -> Display:
    console = Console(file=screen, width=100, force_terminal=is_terminal, highlight=False)
    return Display(console)


def test_without_a_terminal_a_change_is_one_plain_line(screen: io.StringIO) -> None:
    display(screen).show(RUNNING)

    assert screen.getvalue() == (
        "sources: 2 completed, 1 incomplete | records: 1,000 of 1,200 mapped, 1 dead, 0/s | "
        "messages waiting: 3 for embedding\n"
    )


def test_plain_lines_come_now_and_then_and_only_with_news(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("services.cli.commands.display.time.monotonic", lambda: now)
    shown = display(screen)
    news = replace(RUNNING, lag={})
    for now, figures in (  # noqa: B007  the clock reads it
        (1000.0, RUNNING),
        (1000.1, news),
        (1000.0 + PLAIN_EVERY_S, RUNNING),
        (1000.1 + PLAIN_EVERY_S, news),
    ):
        shown.show(figures)

    assert len(screen.getvalue().splitlines()) == 2


def test_while_starting_the_stages_that_are_awaited_are_named(screen: io.StringIO) -> None:
    display(screen).show(Figures(states={"discovery": "running", "writing": "waiting"}))

    assert screen.getvalue() == "starting: embedding, projection, writing\n"


def test_on_a_terminal_progress_is_a_table_that_vanishes(screen: io.StringIO) -> None:
    with display(screen, is_terminal=True) as shown:
        shown.show(replace(RUNNING, blocked={"embedding": "refused"}))

    told = screen.getvalue()
    assert "all running; waiting: 3 for embedding" in told
    assert "1,200 seen = 1,000 mapped + 1 dead + 199 in flight" in told
    assert "embedding: refused" in told


def test_the_summary_tells_where_the_map_is_and_how_to_open_it(screen: io.StringIO) -> None:
    display(screen).summarise(RUNNING, 12.34, DeadLetters(), Path("out/default"))

    told = screen.getvalue()
    assert "12.3 s" in told
    assert "model 2, axes explain 25.0% + 12.5% of the variance" in told
    assert "embedding-atlas out/default/logs.parquet --text text --x projection_x" in told


def test_the_summary_names_what_was_lost(screen: io.StringIO) -> None:
    failed = with_ledger(failures=[{"filename": "bad.jsonl", "reason": "no permission"}])
    dead = [DeadLetterLine("discovery", "a.jsonl", "7", "not JSON")] * (LISTED + 2)

    display(screen).summarise(failed, 1, DeadLetters(dead, len(dead)), Path("out"))

    told = screen.getvalue()
    assert "failed: bad.jsonl: no permission" in told
    assert told.count("dead letter: a.jsonl:7 [discovery] not JSON") == LISTED
    assert "and 2 more dead letters" in told


def test_a_run_that_was_stopped_at_once_claims_nothing(screen: io.StringIO) -> None:
    display(screen).summarise(Figures(), 0.1, DeadLetters(), Path("out"))

    assert screen.getvalue() == "stopped before anything was read\n"


def fact(figures: Figures) -> Callable[[str], str]:
    return lambda name: dict(rows(figures))[name]


def test_the_status_shows_the_identity_of_the_ledger() -> None:
    broken = with_ledger(records={"seen": 3, "mapped": 1})

    assert fact(RUNNING)("records") == "1,200 seen = 1,000 mapped + 1 dead + 199 in flight"
    assert fact(broken)("records").startswith("3 seen ≠ 1 mapped")


def test_the_status_shows_a_held_refit_and_how_to_apply_it() -> None:
    movement = Movement(
        rms=1, rms_share=0.31, centre=0, centre_share=0, diagonal=3, explained_before=0.5,
        explained_after=0.6,
    )  # fmt: skip
    decision = Decision(
        trigger="threshold", records=9, records_at_last_fit=4, growth_threshold=2,
        movement_budget=0.2,
    )  # fmt: skip
    model = ModelFigures(held=HeldRefit(movement=movement, decision=decision))

    told = fact(replace(RUNNING, model=model))("held")

    assert told == (
        "a refit would move points by 31.0% of the map's diagonal, the budget is 20.0%; "
        "apply it with: mapstream refit --force"
    )
    assert "held" not in dict(rows(RUNNING))


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0%"), (0.1234, "12.3%"), (0.00123, "0.12%"), (0.01, "1.0%"), (1e-9, "0.0%")],
)
def test_shares_keep_their_digits(share: float, text: str) -> None:
    assert percent(share) == text


HOSTILE = "a\x1b[2J\n[red]b\x9b\u202e.jsonl"
HARMLESS = r"a\x1b[2J\n[red]b\x9b\u202e.jsonl"


def test_a_filename_cannot_command_the_terminal(screen: io.StringIO, tmp_path: Path) -> None:
    """Whoever may put a file into the folder of logs must not get at the terminal."""
    failed = with_ledger(failures=[{"filename": HOSTILE, "reason": HOSTILE}])
    figures = replace(failed, blocked={"embedding": HOSTILE})
    shown = display(screen)
    dead = [DeadLetterLine("discovery", HOSTILE, "7", HOSTILE)]

    shown.summarise(figures, 1.0, DeadLetters(dead, len(dead)), tmp_path)
    shown._console.print(facts([(HOSTILE, HOSTILE), *rows(figures)]), width=500)

    told = screen.getvalue()
    assert told.count(HARMLESS) >= 6
    assert not set("\x1b\x9b\u202e") & set(told)


def test_the_summary_names_what_is_incomplete_why_and_since_when(screen: io.StringIO) -> None:
    figures = with_ledger(incomplete=[WAITS_FOR_ITS_END], incomplete_sources=7)

    display(screen).summarise(figures, 1.0, DeadLetters(), Path("out"))

    text = screen.getvalue()
    assert (
        "incomplete: b.jsonl: its last line has no final_answer; since 2026-01-01T12:00:00Z\n"
        "incomplete: and 6 more\n"
    ) in text
    assert "nothing is mapped" not in text


def test_what_is_on_its_way_when_a_run_stops_is_not_nothing(screen: io.StringIO) -> None:
    records = Ledger(seen=9, in_flight=9)
    ledger = SourceFigures(sources={"dispatched": 1}, records=records, has_looked=True)

    display(screen).summarise(Figures(ledger), 1.0, DeadLetters(), Path("out"))

    assert "nothing is mapped" not in screen.getvalue()


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"incomplete": 3}, "every source is incomplete"),
        ({"incomplete": 3, "completed": 1}, "what is at its end holds no record"),
        ({}, "there is no source"),
    ],
)
def test_a_run_that_mapped_nothing_says_why(
    sources: dict[str, int], words: str, screen: io.StringIO
) -> None:
    ledger = SourceFigures(sources=sources, has_looked=True)

    display(screen).summarise(Figures(ledger), 1.0, DeadLetters(), Path("out"))

    assert f"nothing is mapped: {words}" in screen.getvalue()


def test_the_status_names_what_is_incomplete() -> None:
    figures = with_ledger(incomplete=[WAITS_FOR_ITS_END], incomplete_sources=1)

    told = [text for name, text in rows(figures) if name == "incomplete"]

    assert told == ["b.jsonl: its last line has no final_answer; since 2026-01-01T12:00:00Z"]
    assert (
        figures.report()["incomplete"] == figures.summary(1)["incomplete"] == [WAITS_FOR_ITS_END]
    )
