import hashlib
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.sources import (
    batch_id,
    display_name,
    require_distinct,
    source_id,
)
from shared.errors import ConfigurationError
from tests.unit.discovery.builders import stat


def test_a_source_is_known_by_collection_and_filename() -> None:
    assert source_id("c", "a/b") == hashlib.sha256(b"c\0a/b").hexdigest()[:32]


def test_the_parts_of_a_batch_id_cannot_be_confused() -> None:
    assert batch_id("c", "s", 1, "f1", 1) != batch_id("c", "s", 1, "f", 11)


@pytest.mark.parametrize("place", range(6))
def test_whatever_a_batch_is_a_piece_of_makes_its_id_another(place: int) -> None:
    parts: list[Any] = ["c", "s", 1, "f", 1, "r"]
    another = parts.copy()
    another[place] = ["d", "t", 2, "g", 2, "q"][place]

    assert batch_id(*parts) != batch_id(*another)


def test_names_that_are_no_utf8_are_shown() -> None:
    assert display_name("a\udcff/b") == "a\\xff/b"


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"/x/a.* /y/a"):
        require_distinct([stat("a", path="/x/a"), stat("a", path="/y/a")])


def test_one_name_in_two_collections_is_fine() -> None:
    require_distinct([stat("a", path="/x/a"), stat("a", path="/y/a", collection="other")])


NAMES = st.lists(
    st.sampled_from([b"\\", b"x", b"5c", b"ff", b"\xff", b"\xc3", b"\xbc", b"\n", b"a"]),
    min_size=1,
    max_size=6,
).map(b"".join)


@given(NAMES, NAMES)
def test_different_names_are_never_shown_as_the_same(one: bytes, other: bytes) -> None:
    """Else two files would share an id, and each would replace the other's records."""
    shown = [display_name(os.fsdecode(name)) for name in (one, other)]

    assert (shown[0] == shown[1]) == (one == other)
    assert all(name.encode() for name in shown)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"\xff.jsonl", "\\xff.jsonl"),
        (b"\\xff.jsonl", "\\x5cxff.jsonl"),
        (b"a\\b\n.jsonl", "a\\b\n.jsonl"),
        ("ü".encode(), "ü"),
    ],
)
def test_a_name_is_shown_as_it_is_unless_it_is_no_text(name: bytes, shown: str) -> None:
    assert display_name(os.fsdecode(name)) == shown
