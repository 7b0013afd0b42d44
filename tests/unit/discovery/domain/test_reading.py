import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.batching import Cut, Limits
from services.discovery.domain.entries import BadLine
from services.discovery.domain.reading import Piece
from tests.unit.discovery.builders import iteration, log, pieces_in

LIMITS = Limits(3, 1000)
RECORD, SKIPPED, BAD = iteration(1, "x"), b'{"type": "metadata"}', b"oops"
LINES = st.lists(st.sampled_from([RECORD, SKIPPED, BAD, b"", RECORD + RECORD]))


def read(content: bytes, size: int = 10**6) -> list[Piece]:
    return pieces_in(content, LIMITS, portion_bytes=size)


@given(LINES)
def test_every_line_is_a_record_or_skipped_or_bad(lines: list[bytes]) -> None:
    pieces = read(log(*lines))

    records = [one.line for cut in pieces if isinstance(cut, Cut) for one in cut.records]
    bad = [one.line for one in pieces if isinstance(one, BadLine)]
    expected = [n for n, one in enumerate(lines, 1) for _ in range(one.count(b'"x"'))]
    assert records == expected
    assert bad == [number for number, one in enumerate(lines, 1) if one == BAD]


@given(LINES, st.integers(1, 50))
def test_the_size_of_the_portions_makes_no_difference(lines: list[bytes], size: int) -> None:
    assert read(log(*lines), size) == read(log(*lines))


@given(LINES)
def test_records_say_where_they_stand(lines: list[bytes]) -> None:
    content = log(*lines)

    for piece in read(content):
        for record in piece.records if isinstance(piece, Cut) else ():
            assert content[record.byte_offset :].startswith(RECORD)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_make_no_difference_to_the_records(end: bytes) -> None:
    pieces = read(end.join([RECORD, RECORD]))

    assert isinstance(pieces[-1], Cut)
    assert len(pieces[-1].records) == 2
