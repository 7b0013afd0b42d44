"""The checksum is that of plain bytes, written down here by hand."""

import hashlib
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vector_checksum import vector_checksum

NOTHING = "cae66941d9efbd404e4d88758ea67670"  # of b"", as b2sum -l 128 prints it
FLOATS = st.floats(width=32, allow_nan=False)


def by_hand(rows: Iterable[Iterable[float]]) -> str:
    numbers = [number for row in rows for number in row]
    plain = b"".join(struct.pack("<f", number) for number in numbers)
    return hashlib.blake2b(plain, digest_size=16).hexdigest()


@given(st.integers(1, 8).flatmap(lambda d: st.lists(st.tuples(*[FLOATS] * d), min_size=1)))
def test_it_is_that_of_the_numbers_one_after_another(rows: list[tuple[float, ...]]) -> None:
    vectors = np.array(rows, np.float32).reshape(len(rows), -1)

    assert vector_checksum(vectors) == by_hand(rows)


@pytest.mark.parametrize("shape", [(0, 3), (0, 0), (2, 0)])
def test_no_numbers_have_the_checksum_of_no_bytes(shape: tuple[int, int]) -> None:
    assert vector_checksum(np.zeros(shape, np.float32)) == NOTHING


def test_how_the_numbers_lie_in_memory_does_not_count() -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)

    assert vector_checksum(np.asfortranarray(vectors)) == by_hand(vectors.tolist())
    assert vector_checksum(np.repeat(vectors, 2, axis=0)[::2]) == by_hand(vectors.tolist())


def test_order_and_every_bit_count() -> None:
    one = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)
    others = [one[::-1], one[:, ::-1], np.array([[-0.0, 1.0], [2.0, 3.0]], np.float32)]

    assert len({vector_checksum(each) for each in (one, *others)}) == 4


def test_other_numbers_than_float32_are_refused() -> None:
    wider: Any = np.zeros((1, 2))

    with pytest.raises(TypeError, match="float64"):
        vector_checksum(wider)
