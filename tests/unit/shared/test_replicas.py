"""Notes of replicas, in files that only the living have locked."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.replicas import AWAKE_FOR, Replicas
from shared.shares import Replica

Join = Callable[[], Replicas]


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Join]:
    with ExitStack() as stack:

        def joined() -> Replicas:
            one = Replicas(tmp_path)
            stack.callback(one.close)
            return one

        yield joined


def noted(*owns: str, waits: str = "", is_awake: bool = True) -> Replica:
    return Replica(frozenset(owns), frozenset(waits), is_awake)


def test_who_is_there_sees_what_others_have_and_not_itself(join: Join) -> None:
    first, second = join(), join()
    assert (first.look(), second.look()) == ([], [noted()])

    first.tell({"a"}, {"b"})
    second.tell((), {"a", "b"})

    assert first.look() == [noted(waits="ab")]
    assert second.look() == [noted("a", waits="b")]
    assert (first.place, second.place) == (0, 1)


def test_who_is_gone_is_seen_no_more_and_its_file_is_used_again(
    join: Join, tmp_path: Path
) -> None:
    first, second = join(), join()
    first.look()
    first.tell({"a"}, ())
    assert second.look() == [noted("a")]

    first.close()
    assert second.look() == []

    third = join()
    third.look()
    assert second.look() == [noted()]
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["0.json", "1.json"]
    assert (second.place, third.place) == (1, 0)


def test_one_that_tells_nothing_more_counts_as_stopped_until_it_does(join: Join) -> None:
    first, second = join(), join()
    first.look()
    second.look()
    second.tell({"b"}, ())
    told = [first.look() for _ in range(AWAKE_FOR + 1)]
    assert told == [[noted("b")]] * AWAKE_FOR + [[noted("b", is_awake=False)]]

    second.tell({"b"}, ())
    assert first.look() == [noted("b")]


def test_of_a_note_that_is_being_written_the_one_before_counts(join: Join, tmp_path: Path) -> None:
    first, second = join(), join()
    first.look()
    second.look()
    second.tell({"a", "b"}, ())
    first.look()
    with (tmp_path / "1.json").open("r+b") as file:
        file.truncate(9)

    assert first.look() == [noted("a", "b")]


def test_a_shorter_note_has_nothing_of_the_longer_one(join: Join) -> None:
    first, second = join(), join()
    first.look()
    second.look()
    second.tell({"a long name"}, {"another long name"})
    second.tell((), ())

    assert first.look() == [noted()]


def test_one_that_is_alone_writes_only_what_is_new(join: Join, tmp_path: Path) -> None:
    alone = join()
    for _ in range(3):
        alone.look()
        alone.tell({"a"}, ())
        os.utime(tmp_path / "0.json", (1, 1))

    assert (tmp_path / "0.json").stat().st_mtime == 1
    alone.tell({"b"}, ())
    assert (tmp_path / "0.json").stat().st_mtime > 1
