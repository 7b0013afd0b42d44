from io import StringIO

from rich.console import Console

from services.cli.commands.top import view
from services.cli.domain.figures import STAGES, Figures
from services.cli.domain.traffic import Traffic, Window


def shown(figures: Figures, *looks: dict[str, Traffic]) -> str:
    window = Window(5.0)
    for second, look in enumerate(looks):
        window.add(float(second), look)
    console = Console(file=StringIO(), width=160, highlight=False)
    console.print(view(figures, window, "default"))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def line(text: str, stage: str) -> list[str]:
    return next(one for one in text.splitlines() if one.startswith(stage)).split()


def test_a_stage_is_a_row() -> None:
    before = {"embedding": Traffic(records_in=10, records_out=10)}
    after = {
        "embedding": Traffic(
            records_in=310, records_out=290, handled=3, handling_s=0.6, aged=3, age_s=6, failed=2,
            redelivered=1, dead=4,
        )
    }  # fmt: skip
    figures = Figures(
        states=dict.fromkeys(STAGES, "running"),
        instances={"embedding": 2},
        lag={"embedding": 1234},
        traffic=after,
    )

    text = shown(figures, before, after)

    assert line(text, "embedding") == [
        "embedding", "running", "(2)", "300", "280", "1,234", "200", "ms", "2.0", "s", "2", "1",
        "4",
    ]  # fmt: skip
    assert line(text, "projection")[:5] == ["projection", "running", "0", "0", "0"]


def test_a_stage_that_is_away_or_blocked_says_so() -> None:
    figures = Figures(states={"writing": "running"}, blocked={"writing": "disk full"})

    text = shown(figures, {}, {})

    assert line(text, "writing")[1] == "blocked"
    assert line(text, "embedding")[1] == "absent"
