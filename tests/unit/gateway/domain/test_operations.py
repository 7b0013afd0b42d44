import pytest

from services.gateway.domain.operations import Progress, State, Verdict


def test_an_operation_is_pending_until_there_is_a_verdict() -> None:
    assert Progress().state is State.PENDING
    assert Progress(Verdict(State.HELD, "x")).state is State.HELD


@pytest.mark.parametrize(
    ("readable", "state"),
    [(0, State.PENDING), (2, State.PENDING), (3, State.DONE), (4, State.DONE)],
)
def test_a_new_model_counts_when_the_files_have_it(readable: int, state: State) -> None:
    assert Progress(Verdict(State.DONE, "x", version=3), readable).state is state
