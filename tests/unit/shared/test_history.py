"""Which state belongs to which dataset: a world of copies, losses and starts, and what is said.

The oracle knows the whole past of every state as a list of events, which no state on a disk has:
two belong together if each has all that the other has heard of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.history import (
    MOST_OPENINGS,
    History,
    Memory,
    Opening,
    Verdict,
    judge,
    opened,
)

OWNER = "discovery"


@dataclass(frozen=True)
class State:
    """A state on a disk, and its past, of which only the oracle knows."""

    history: History
    past: tuple[int, ...] = ()
    """Everything that was ever done to it, each a number of its own."""
    heard: tuple[int, ...] | None = None
    """The past of the other when it was last heard of."""

    @property
    def position(self) -> int:
        return len(self.past)


def fresh() -> State:
    return State(opened(None, 0))


@dataclass
class World:
    """A ledger and a dataset, which work, are started, copied, lost and put back."""

    ledger: State = field(default_factory=fresh)
    dataset: State = field(default_factory=fresh)
    copies: list[tuple[str, State]] = field(default_factory=list)
    count: int = 0

    def change(self, which: str, change: Callable[[State], State]) -> None:
        setattr(self, which, change(getattr(self, which)))

    def start(self, which: str) -> None:
        self.change(which, lambda one: replace(one, history=opened(one.history, one.position)))

    def work(self, which: str) -> None:
        self.count += 1
        self.change(which, lambda one: replace(one, past=(*one.past, self.count)))

    def verdict(self) -> Verdict:
        ledger, dataset = self.ledger, self.dataset
        return judge(
            OWNER,
            ledger.history.at(ledger.position),
            dataset.history.at(dataset.position),
            holds_rows=ledger.heard is not None and bool(ledger.heard),
        )

    def compare(self) -> Verdict:
        """What the two do when they are together: each notes where the other is."""
        ledger, dataset = self.ledger, self.dataset
        if (verdict := self.verdict()) is Verdict.TOGETHER:
            known = ledger.history.at(ledger.position).as_memory()
            seen = dataset.history.at(dataset.position).as_memory()
            self.dataset = State(
                dataset.history.remembering(OWNER, known), dataset.past, ledger.past
            )
            self.ledger = State(
                ledger.history.remembering("writing", seen), ledger.past, dataset.past
            )
        return verdict

    def is_right(self) -> bool:
        """What nobody but the oracle can tell."""
        return _has(self.ledger, self.dataset.heard) and _has(self.dataset, self.ledger.heard)


def _has(state: State, heard: tuple[int, ...] | None) -> bool:
    return heard is None or state.past[: len(heard)] == heard


STEPS = ("work ledger", "work dataset", "start ledger", "start dataset", "compare",
         "copy ledger", "copy dataset", "restore", "lose ledger", "lose dataset")  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=40), st.integers(0, 5))
def test_what_has_lost_anything_that_the_other_knows_is_never_together(
    steps: list[str], which_copy: int
) -> None:
    world = World()
    for step in steps:
        verb, _, which = step.partition(" ")
        if verb == "work" and _may_work(world):
            world.work(which)
        elif verb == "start":
            world.start(which)
        elif verb == "compare":
            world.compare()
        elif verb == "copy":
            world.copies.append((which, getattr(world, which)))
        elif verb == "restore" and world.copies:
            owner, state = world.copies[which_copy % len(world.copies)]
            setattr(world, owner, state)
            world.start(owner)  # nobody works on a state without opening it
        elif verb == "lose":
            setattr(world, which, fresh())
        if world.verdict() is Verdict.TOGETHER:
            assert world.is_right()


def _may_work(world: World) -> bool:
    """Batches are written only from a ledger that was found to belong here."""
    return world.verdict() is Verdict.TOGETHER


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(STEPS[:5]), max_size=60))
def test_without_loss_and_copies_there_is_no_alarm(steps: list[str]) -> None:
    """However often either is started, and however seldom they hear of each other."""
    world = World()
    world.compare()
    for step in steps:
        verb, _, which = step.partition(" ")
        if verb == "compare":
            world.compare()
        else:
            getattr(world, verb)(which)
        assert world.verdict() is Verdict.TOGETHER


def pair() -> World:
    """Two that have worked together for two openings each."""
    world = World()
    for _ in range(2):
        for which in ("ledger", "dataset"):
            world.start(which)
        world.compare()
        for which in ("ledger", "dataset"):
            world.work(which)
        world.compare()
    return world


def test_each_kind_of_loss_has_its_word() -> None:
    before = pair()
    said = {}
    for name, ledger, dataset in (
        ("ledger lost", fresh(), None),
        ("dataset lost", None, fresh()),
        ("others' ledger", pair().ledger, None),
        ("others' dataset", None, pair().dataset),
    ):
        world = World(ledger or before.ledger, dataset or before.dataset)
        said[name] = world.verdict()
    assert said == {
        "ledger lost": Verdict.OWNER_LOST,
        "dataset lost": Verdict.DATASET_LOST,
        "others' ledger": Verdict.DATASET_OTHER,
        "others' dataset": Verdict.DATASET_OTHER,
    }


@pytest.mark.parametrize(
    ("which", "word"),
    [("ledger", Verdict.OWNER_OLDER), ("dataset", Verdict.DATASET_OLDER)],
)
def test_a_copy_of_before_is_older_also_when_it_has_worked_on(which: str, word: Verdict) -> None:
    world = pair()
    copy = getattr(world, which)
    world.start("ledger")
    world.start("dataset")
    world.compare()
    world.work("ledger")
    world.work("dataset")
    world.compare()

    setattr(world, which, copy)
    world.start(which)

    assert world.verdict() is word
    for _ in range(5):
        world.work(which)
        world.start(which)
        assert world.verdict() is word


def test_a_copy_that_was_made_while_it_ran_is_known_by_its_position() -> None:
    """No start lies between the copy and what the other remembers."""
    world = World()
    world.compare()
    world.work("dataset")
    copy = world.dataset
    world.work("dataset")
    world.work("ledger")
    world.compare()

    world.dataset = copy
    world.start("dataset")

    for _ in range(4):
        assert world.verdict() is Verdict.DATASET_OLDER
        world.work("dataset")


def test_one_that_was_made_again_belongs_to_whatever_dataset_there_is_until_it_is_told() -> None:
    world = pair()
    world.ledger = replace(fresh(), history=fresh().history.renewed())

    assert world.verdict() is Verdict.TOGETHER
    world.compare()
    assert not world.ledger.history.is_renewed
    assert world.verdict() is Verdict.TOGETHER


def test_before_they_knew_each_other_only_what_is_empty_is_strange() -> None:
    """A ledger and a dataset of a program that knew nothing of histories belong together."""
    old, none = opened(None, 9), opened(None, 0)
    assert judge(OWNER, old, old, holds_rows=True) is Verdict.TOGETHER
    assert judge(OWNER, none, none) is Verdict.TOGETHER
    assert judge(OWNER, old, none) is Verdict.TOGETHER
    assert judge(OWNER, old, none, holds_rows=True) is Verdict.DATASET_LOST
    assert judge(OWNER, none, old) is Verdict.OWNER_LOST


def test_a_start_without_change_is_no_opening_and_many_openings_are_bounded() -> None:
    history = opened(None, 0)
    assert opened(history, 0) == history
    for position in range(1, MOST_OPENINGS + 10):
        history = opened(history, position)
    assert len(history.openings) == MOST_OPENINGS
    assert history.newest.began == MOST_OPENINGS + 9
    assert history.sent_along[0] == history.newest.id


def test_a_history_is_read_as_it_was_written() -> None:
    told = History(
        "a", (Opening("b", 1),), 2, {"writing": Memory("c", "d", 3, ("e", "f"))}, is_renewed=True
    )
    assert History.read(told.spell()) == told
    for broken in ("", "{}", "[]", '{"id": "a"}', told.spell().replace('"began"', '"x"')):
        with pytest.raises(ValueError, match=r"no history|Expecting value"):
            History.read(broken)


def test_the_same_position_of_two_pasts_has_two_openings() -> None:
    """An event about it would be dropped by the bus as one that it knows."""
    world = pair()
    copy = world.dataset
    said = []
    for state in (world.dataset, copy):
        world.dataset = state
        world.start("dataset")
        before = world.dataset.position
        world.work("dataset")
        history = world.dataset.history
        said.append((history.opening_at(before), history.opening_at(before + 1)))
        world.start("dataset")
        assert world.dataset.history.opening_at(before + 1) == said[-1][1]
    (before, first), (again, second) = said
    assert before == again
    assert first != second
