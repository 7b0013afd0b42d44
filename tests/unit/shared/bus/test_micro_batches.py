"""How far ahead messages are asked for."""

from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from shared.bus.consuming.micro_batches import Window
from shared.bus.consuming.pull_consumer import PullConsumer, weight_of

if TYPE_CHECKING:
    from nats.aio.client import Client

MOST = 32


def raw(records: int | None, size: int = 100) -> Msg:
    headers = {} if records is None else {"mapstream-records": str(records)}
    return Msg(cast("Client", None), data=b"x" * size, headers=headers)


@pytest.mark.parametrize(
    ("message", "weight"),
    [
        (raw(128), 1.0),
        (raw(1), 1 / 128),
        (raw(0, size=1 << 19), 0.5),
        (raw(None, size=1 << 20), 1.0),
    ],
)
def test_a_message_weighs_what_its_records_or_its_bytes_weigh(message: Msg, weight: float) -> None:
    assert weight_of(message) == pytest.approx(weight, abs=1e-3)


def test_large_messages_are_not_hoarded() -> None:
    window = Window(MOST, 1.0, concurrency=4)
    for _ in range(10):
        window.after([raw(1)] * MOST)

    assert window.messages == 4 * MOST
    assert window.after([raw(128)]) == 4


def test_small_messages_are_asked_for_in_ever_larger_numbers() -> None:
    window = Window(MOST, 1.0, concurrency=4)

    assert [window.after([raw(1)]) for _ in range(7)] == [8, 16, 32, 64, 128, 128, 128]


def test_without_a_limit_of_weight_it_is_one_micro_batch() -> None:
    window = Window(64, float("inf"), concurrency=1)

    assert (window.messages, window.after([raw(128)] * 64)) == (64, 64)


@given(st.lists(st.lists(st.integers(0, 128), min_size=1, max_size=MOST), max_size=20))
def test_it_is_always_enough_for_all_places_and_never_more_than_they_hold(
    groups: list[list[int]],
) -> None:
    window = Window(MOST, 1.0, concurrency=4)
    for group in groups:
        assert 4 <= window.after([raw(records) for records in group]) <= 4 * MOST


class Nobody:
    """A client whose server is away: nothing can be asked for."""

    is_connected = False

    def new_inbox(self) -> str:
        return "_INBOX.nobody"


@pytest.mark.parametrize(
    ("records", "taken"),
    [
        ([1] * 40, 32),
        ([128, 1], 1),
        ([1, 128], 1),
        ([60, 60, 60], 2),
        ([500, 1], 1),
        ([0, 0, 0], 3),
    ],
)
async def test_a_group_weighs_no_more_than_it_may(records: list[int], taken: int) -> None:
    puller = PullConsumer(cast("Client", Nobody()), "S", "d", window=100)
    puller.waiting.extend(raw(one) for one in records)

    group = await puller.take(32, 0, max_weight=1.0)
    assert len(group) == taken
    assert len(puller.waiting) == len(records) - taken
