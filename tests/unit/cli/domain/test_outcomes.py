import pytest

from services.cli.domain.outcomes import exit_code


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("done", 0), ("previewed", 0), ("held", 4), ("rejected", 5)],
)
def test_every_outcome_has_its_code(outcome: str, code: int) -> None:
    assert exit_code(outcome, is_complete=True) == code


@pytest.mark.parametrize("outcome", [None, "done"])
def test_an_answer_that_is_not_complete_is_no_answer(outcome: str | None) -> None:
    """A script that reads the files after code 0 must find the new model in them."""
    assert exit_code(outcome, is_complete=False) == 1


@pytest.mark.parametrize(("refused", "code"), [(0, 0), (1, 3)])
def test_what_was_refused_in_part_is_not_done(refused: int, code: int) -> None:
    assert exit_code("done", is_complete=True, refused=refused) == code
    assert exit_code("rejected", is_complete=True, refused=refused) == 5
