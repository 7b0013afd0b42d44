"""The exit code of a run that has ended by itself."""

import pytest

from services.cli.commands.run import outcome
from services.cli.domain.figures import Figures, Records

FOUND = {"completed": 0, "incomplete": 0, "failed": 0, "forgotten": 0}


@pytest.mark.parametrize(
    ("sources", "records", "code"),
    [
        ({}, Records(), 6),
        ({"incomplete": 22}, Records(), 6),
        ({"incomplete": 22, "completed": 1}, Records(seen=1, mapped=1), 0),
        ({"incomplete": 2, "completed": 3}, Records(), 6),
        ({"completed": 1}, Records(seen=1, dead=1), 3),
        ({"completed": 1}, Records(seen=1, dead=1, dropped=1), 0),
        ({"failed": 1, "incomplete": 1}, Records(), 3),
        ({"forgotten": 1, "incomplete": 1}, Records(), 0),
    ],
)
def test_nothing_mapped_has_a_code_of_its_own(
    sources: dict[str, int], records: Records, code: int
) -> None:
    assert outcome(Figures(sources=FOUND | sources, records=records, has_looked=True)) == code


def test_a_folder_that_could_not_be_listed_is_no_success() -> None:
    locked = {"filename": "/logs/locked", "reason": "Permission denied"}
    found = Figures(
        sources=FOUND | {"completed": 1},
        records=Records(seen=1, mapped=1),
        has_looked=True,
        failures=[locked],
    )

    assert outcome(found) == 3
