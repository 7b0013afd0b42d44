from hypothesis import given
from hypothesis import strategies as st

from services.cli.domain.restarts import RestartPause


def test_the_pause_doubles_up_to_its_limit_and_then_it_is_given_up() -> None:
    pause = RestartPause(first_s=1, longest_s=5, short_lives=5)

    assert [pause.after(0.1) for _ in range(5)] == [1, 2, 4, 5, None]


def test_a_healthy_life_starts_the_count_again() -> None:
    pause = RestartPause(first_s=1, longest_s=60, healthy_after_s=15, short_lives=3)

    assert [pause.after(lived) for lived in (0, 0, 15, 0, 0, 0)] == [1, 2, 1, 1, 2, None]


@given(st.lists(st.floats(min_value=15, max_value=1e6), max_size=50))
def test_what_keeps_living_long_is_always_started_again(lives: list[float]) -> None:
    pause = RestartPause(healthy_after_s=15)

    assert all(pause.after(lived) is not None for lived in lives)


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=50))
def test_no_pause_is_longer_than_the_limit(lives: list[float]) -> None:
    pause = RestartPause()

    pauses = [pause.after(lived) for lived in lives]

    assert all(p is None or pause.first_s <= p <= pause.longest_s for p in pauses)
