import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.publishing.dead_letter_limit import (
    WINDOW,
    DeadLetterLimit,
    DeadLetterLimits,
    DeadLetterRefusedError,
    Outcome,
    outcomes_of,
)
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.writing import WRITING_COMMITTED
from shared.contracts.dead_letters import DeadLetter
from tests.builders import batch

DEAD, WELL = Outcome(1, is_dead=True), Outcome(1, is_dead=False)
GROUPS = st.lists(
    st.lists(st.builds(Outcome, st.integers(1, 128), is_dead=st.booleans()), max_size=6),
    max_size=80,
)


@given(GROUPS, st.floats(0.05, 0.95), st.integers(1, 30))
def test_no_more_than_the_share_is_ever_buried(
    groups: list[list[Outcome]], max_share: float, min_letters: int
) -> None:
    limit = DeadLetterLimit(max_share, min_letters)
    admitted: list[Outcome] = []
    for group in groups:
        try:
            limit.admit(group)
        except DeadLetterRefusedError:
            assert any(one.is_dead for one in group)
            continue
        admitted += group
        last = admitted[-WINDOW:]
        dead = [one for one in last if one.is_dead]
        if any(one.is_dead for one in group) and len(dead) >= min_letters:
            records = sum(one.records for one in last)
            assert sum(one.records for one in dead) <= max_share * records


@given(GROUPS)
def test_what_is_well_always_passes(groups: list[list[Outcome]]) -> None:
    limit = DeadLetterLimit(0.01, 1)

    for group in groups:
        limit.admit([one for one in group if not one.is_dead])


def test_a_broken_deployment_buries_a_few_and_then_nothing() -> None:
    limit = DeadLetterLimit(0.5, 20)
    buried = 0
    for _ in range(500):
        try:
            limit.admit([DEAD])
            buried += 1
        except DeadLetterRefusedError:
            assert "nothing more is given up" in str(limit.halted)

    assert buried == 19


def test_it_goes_on_when_enough_is_well_again() -> None:
    limit = DeadLetterLimit(0.5, 20)
    for _ in range(19):
        limit.admit([DEAD])
    with pytest.raises(DeadLetterRefusedError):
        limit.admit([DEAD])
    assert limit.halted

    limit.admit([Outcome(128, is_dead=False)])

    assert limit.halted is None
    limit.admit([DEAD])


def test_single_poison_in_much_that_is_well_never_halts() -> None:
    limit = DeadLetterLimit(0.5, 20)
    for _ in range(1000):
        limit.admit([DEAD, Outcome(127, is_dead=False)])

    assert limit.halted is None


def test_a_share_of_one_turns_it_off() -> None:
    limit = DeadLetterLimit(1.0, 1)
    for _ in range(300):
        limit.admit([DEAD])


def letter(stage: str, records: int = 1) -> Outgoing:
    return outgoing_dead_letter(
        DeadLetter(key="k", stage=stage, collection="default", reason="?", body=b"",
                   records=records)
    )  # fmt: skip


def test_batches_and_letters_are_counted_by_their_records_and_nothing_else_is() -> None:
    event = Outgoing(WRITING_COMMITTED, "default", "m", b"{}")
    messages = [
        outgoing_batch(DISCOVERY_BATCH, batch(("a", "b"))),
        letter("embedding"),
        letter("writing", 0),
        letter("projection", 7),
        event,
    ]

    assert outcomes_of(messages) == [
        Outcome(2, is_dead=False),
        DEAD,
        DEAD,
        Outcome(7, is_dead=True),
    ]


def test_unreadable_lines_do_not_count() -> None:
    """A file of rubbish must not keep discovery from reading good ones."""
    assert outcomes_of([letter("discovery")]) == []


def test_a_collection_halts_alone_and_is_named() -> None:
    limits = DeadLetterLimits(0.5, 1)

    with pytest.raises(DeadLetterRefusedError):
        limits.of("bad").admit([Outcome(1, is_dead=True)])
    limits.of("good").admit([Outcome(1, is_dead=False)])

    assert limits.of("good").halted is None
    assert (limits.halted or "").startswith("collection 'bad': 100%")
    limits.leave("bad")
    assert limits.halted is None
