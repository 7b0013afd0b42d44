from datetime import UTC
from pathlib import Path

import shared.errors
from shared.clock import SystemClock
from shared.errors import MapstreamError
from tests.fakes.clock import FrozenClock


def test_every_error_is_in_the_tree() -> None:
    drawing = Path(shared.errors.__file__).read_text()
    for kind in MapstreamError.__subclasses__():
        if kind.__module__ == "shared.errors":
            assert f"x {kind.__name__}" in drawing


def test_the_systems_clock_is_in_utc_and_never_goes_back() -> None:
    clock = SystemClock()
    first = clock.monotonic()

    assert clock.now().tzinfo is UTC
    assert clock.monotonic() >= first


def test_a_frozen_clock_moves_when_it_is_told() -> None:
    clock = FrozenClock()
    before = (clock.now(), clock.monotonic())

    clock.advance(1.5)

    assert (clock.now() - before[0]).total_seconds() == clock.monotonic() - before[1] == 1.5
