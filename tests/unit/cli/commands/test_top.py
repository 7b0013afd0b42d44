import json
from io import StringIO

import pytest
from rich.console import Console

from services.cli.commands.top import told, view
from services.cli.handlers.figures import Figures
from services.cli.handlers.traffic import Window
from shared.contracts.statuses import Traffic
from shared.services import STAGES


def windowed(*looks: dict[str, Traffic]) -> Window:
    window = Window(5.0)
    for second, look in enumerate(looks):
        window.add(float(second), look)
    return window


def shown(figures: Figures, *looks: dict[str, Traffic], width: int = 160) -> str:
    console = Console(file=StringIO(), width=width, highlight=False)
    console.print(view(figures, windowed(*looks), "default", width=width))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def line(text: str, stage: str) -> list[str]:
    return next(one for one in text.splitlines() if one.startswith(stage)).split()


BUSY = {
    stage: Traffic(records_in=123_456, records_out=99_999, failed=1_234, redelivered=12, dead=3,
                   handled=2, handling_s=40, aged=2, age_s=3600)
    for stage in STAGES
}  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_cut_off_on_a_narrow_terminal(width: int) -> None:
    figures = Figures(
        states=dict.fromkeys(STAGES, "running") | {"writing": "standby"},
        instances=dict.fromkeys(STAGES, 12),
        lag=dict.fromkeys(STAGES, 12_345),
        traffic=BUSY,
    )

    text = shown(figures, dict.fromkeys(STAGES, Traffic()), BUSY, width=width)

    words = text.split()
    assert "…" not in text
    assert all(len(one) <= width for one in text.splitlines())
    assert {*STAGES, "standby", "waiting", "handling", "again"} <= {*words}
    assert words.count("123,456") == 3
    assert words.count("12,345") == len(STAGES)


def test_a_look_as_json_has_what_the_table_has() -> None:
    figures = Figures(states=dict.fromkeys(STAGES, "running"), traffic=BUSY)
    window = windowed(dict.fromkeys(STAGES, Traffic()), BUSY)

    line = json.loads(json.dumps(told(figures, window, "default")))

    assert line["collection"] == "default"
    assert line["stages"]["embedding"] == {
        "state": "running", "instances": 0, "lag": 0, "records_in_per_s": 123_456,
        "records_out_per_s": 99_999, "handling_s": 20, "age_s": 1800, "failed": 1_234,
        "redelivered": 12, "dead": 3,
    }  # fmt: skip


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
