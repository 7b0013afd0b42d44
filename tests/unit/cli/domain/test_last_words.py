"""The line that says why a process ended, found in what real Python prints."""

import asyncio
import json
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.domain.last_words import configuration_words, telling_line


def _printed(fail: Callable[[], None]) -> str:
    try:
        fail()
    except BaseException as error:  # noqa: BLE001  whatever it raises is to be printed
        return "".join(traceback.format_exception(error))
    raise AssertionError("it did not fail")


def _fail_deeply(reason: str, depth: int) -> None:
    async def work(left: int) -> None:
        if not left:
            raise RecursionError(reason)
        async with asyncio.TaskGroup() as group:
            group.create_task(work(left - 1))

    asyncio.run(work(depth))


def _fail_manifold() -> None:
    raise ExceptionGroup("many", [OSError(f"number {place}") for place in range(20)])


def _fail_with_cause() -> None:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ExceptionGroup("later", [ValueError("the point\nand its details")]) from error


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_the_deepest_exception_of_a_group_is_told(depth: int) -> None:
    log = '{"event": "service.running"}\n' + _printed(lambda: _fail_deeply("too deep", depth))

    assert telling_line(log) == "RecursionError: too deep"


def test_the_first_of_several_is_told() -> None:
    assert telling_line(_printed(_fail_manifold)) == "OSError: number 0"


def test_an_exception_of_several_lines_is_told_by_its_first() -> None:
    assert telling_line(_printed(_fail_with_cause)) == "ValueError: the point"


def test_what_was_logged_after_a_traceback_is_newer() -> None:
    log = _printed(_fail_manifold) + json.dumps(
        {"event": "bus.closed", "error": "no pings", "level": "error"}
    )

    assert telling_line(log) == "bus.closed: no pings"


def test_a_traceback_inside_a_line_of_json_is_told_by_its_exception() -> None:
    line = {"event": "work.failed", "exception": _printed(lambda: _fail_deeply("too deep", 2))}

    assert telling_line(json.dumps(line)) == "work.failed: RecursionError: too deep"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("", ""),
        ("----\n  +-----\n", ""),
        ("Killed by the system\n  +--------\n", "Killed by the system"),
        ("mapstream: nats.url: no such host\n", "nats.url: no such host"),
        ("text2vec: - a list\n- of things\n", "- of things"),
    ],
)
def test_other_logs_are_told_by_their_last_line_with_a_letter(log: str, told: str) -> None:
    assert telling_line(log) == told


@given(st.text(alphabet=st.sampled_from("ab{}:|+- \n\"'"), max_size=200))
def test_a_line_with_letters_is_found_wherever_there_is_one(log: str) -> None:
    told = telling_line(log)

    assert any(one.isalpha() for one in told) == any(one.isalpha() for one in log)


def test_what_is_wrong_with_a_configuration_is_told_without_the_log_before_it() -> None:
    log = '{"event": "health.listening"}\nmapstream: health.port: 99999\n  is too large\n'

    assert configuration_words(log) == "health.port: 99999\n  is too large"
