"""The exit code of a run that has ended by itself."""

import pytest

from services.cli.commands.run import outcome
from services.cli.handlers.figures import Figures
from shared.contracts.statuses import FailedSource, Ledger, SourceFigures

FOUND = {"completed": 0, "incomplete": 0, "failed": 0, "forgotten": 0}


@pytest.mark.parametrize(
    ("sources", "records", "code"),
    [
        ({}, Ledger(), 6),
        ({"incomplete": 22}, Ledger(), 6),
        ({"incomplete": 22, "completed": 1}, Ledger(seen=1, mapped=1), 0),
        ({"incomplete": 2, "completed": 3}, Ledger(), 6),
        ({"completed": 1}, Ledger(seen=1, dead=1), 3),
        ({"completed": 1}, Ledger(seen=1, dead=1, dropped=1), 0),
        ({"failed": 1, "incomplete": 1}, Ledger(), 3),
        ({"forgotten": 1, "incomplete": 1}, Ledger(), 0),
    ],
)
def test_nothing_mapped_has_a_code_of_its_own(
    sources: dict[str, int], records: Ledger, code: int
) -> None:
    ledger = SourceFigures(sources=FOUND | sources, records=records, has_looked=True)

    assert outcome(Figures(ledger)) == code


def test_a_folder_that_could_not_be_listed_is_no_success() -> None:
    locked = FailedSource(filename="/logs/locked", reason="Permission denied")
    ledger = SourceFigures(
        sources=FOUND | {"completed": 1},
        records=Ledger(seen=1, mapped=1),
        has_looked=True,
        failures=[locked],
    )

    assert outcome(Figures(ledger)) == 3
