"""A full map with the position of its file, then what follows that position, misses nothing."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.domain.positions import Positions


def test_an_empty_stream_is_covered() -> None:
    assert Positions().since(5, 1) == 0


def test_what_was_told_but_not_yet_published_comes_later() -> None:
    """The trap: the end of the stream, read when the file is opened, is ahead of the file."""
    positions = Positions()
    positions.add_points(1, "a")
    positions.add_commit(10, ["a"])
    positions.add_points(2, "b")
    positions.add_commit(11, ["b"])

    assert positions.since(10, 1) == 1
    assert positions.since(11, 1) == 2
    assert positions.since(9, 1) == 0


def test_points_whose_commit_is_not_told_yet_come_later() -> None:
    positions = Positions()
    positions.add_points(1, "a")
    positions.add_commit(10, ["a"])
    positions.add_points(2, "b")

    assert positions.since(99, 1) == 1


def test_points_told_again_after_a_crash_are_covered_when_their_commit_is_told_again() -> None:
    positions = Positions()
    positions.add_points(1, "a")
    positions.add_points(2, "b")
    positions.add_points(5, "a")
    positions.add_points(6, "b")
    positions.add_commit(10, ["a", "b"])
    assert positions.since(10, 1) == 2

    positions.add_commit(11, ["a", "b"])

    assert positions.since(11, 1) == 6


def test_what_the_stream_lost_is_covered_if_the_files_have_every_commit() -> None:
    """Else a map that rests for days would be asked for anew at every look."""
    positions = Positions(floor=40)
    positions.add_commit(10, ["aged"])

    assert positions.since(10, 41) == 40
    assert positions.since(12, 51) == 50


def test_a_map_behind_what_the_stream_lost_cannot_be_added_to() -> None:
    positions = Positions(floor=40)
    positions.add_commit(10, ["aged"])

    assert positions.since(9, 41) == 39


def test_a_commit_without_end_does_not_hold_the_position_for_ever() -> None:
    positions = Positions()
    positions.add_points(1, "its commit was never told")
    positions.add_points(2, "b")
    positions.add_commit(10, ["b"])
    assert positions.since(10, 1) == 0

    assert positions.since(10, 2) == 2


def test_a_dataset_that_began_anew_does_not_inherit_the_old_positions() -> None:
    positions = Positions()
    positions.add_points(1, "a")
    positions.add_commit(50, ["a"])
    positions.add_points(2, "b")
    positions.add_commit(2, ["b"])

    assert positions.since(1, 1) == 0
    assert positions.since(2, 1) == 2


def test_memory_is_bounded() -> None:
    positions = Positions(most_kept=10)
    for number in range(1, 101):
        positions.add_points(number, f"b{number}")
        positions.add_commit(number, [f"b{number}", f"never told {number}"])
    for number in range(101, 200):
        positions.add_points(number, f"pending {number}")

    assert positions.since(100, 1) == 100
    assert len(positions._sequences) <= 10
    assert len(positions._versions) <= 10
    assert len(positions._pending) <= 10


@dataclass
class Writer:
    """Writing as it is: commits, tells points, tells the commit; dies anywhere in between."""

    version: int = 0
    store: dict[str, int] = field(default_factory=dict)
    stream: list[str] = field(default_factory=list)
    commits: list[tuple[int, list[str]]] = field(default_factory=list)

    def write(self, batches: list[str], dies_after: int) -> None:
        new = [one for one in batches if one not in self.store]
        if new:
            self.version += 1
            self.store |= dict.fromkeys(new, self.version)
        for told, one in enumerate(batches):
            if told == dies_after:
                return
            self.stream.append(one)
        if dies_after > len(batches):
            self.commits.append((self.version, batches))


STEPS = st.lists(
    st.tuples(
        st.integers(1, 3),  # how many batches
        st.integers(0, 5),  # after how many messages it dies
        st.booleans(),  # whether the files are published after
        st.integers(0, 3),  # how many messages of points the gateway takes in
        st.integers(0, 2),  # how many commits it takes in
    ),
    max_size=20,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_nothing_is_missed_whoever_dies_or_lags(
    steps: list[tuple[int, int, bool, int, int]],
) -> None:
    writer, positions = Writer(), Positions()
    redelivered: list[str] = []
    published = taken_points = taken_commits = 0
    for number, (size, dies_after, publishes, points, commits) in enumerate(steps):
        batches = redelivered + [f"{number}.{i}" for i in range(size)]
        writer.write(batches, dies_after)
        redelivered = batches if dies_after <= len(batches) else []
        if publishes:
            published = writer.version
        for _ in range(points):
            if taken_points < len(writer.stream):
                taken_points += 1
                positions.add_points(taken_points, writer.stream[taken_points - 1])
        for _ in range(commits):
            if taken_commits < len(writer.commits):
                version, told = writer.commits[taken_commits]
                positions.add_commit(version, told)
                taken_commits += 1

        since = positions.since(published, 1)

        file = {one for one, version in writer.store.items() if version <= published}
        assert set(writer.stream[:since]) <= file
        assert file | set(writer.stream[since:]) >= set(writer.stream)
