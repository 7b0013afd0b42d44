"""What every format does, a trivial one of another kind included."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from services.discovery.adapters.json_lines_format import agent_run_format, text_format
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.entries import BadLine, Draft, Entry, Part
from services.discovery.handlers.found import SourceToRead
from services.discovery.ports import Content, SourceFormat
from shared.contracts.batches import Batch
from shared.contracts.dead_letters import DeadLetter
from tests.fakes.contents import content_of
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import final, iteration, log, looked, read_all

MB = 1 << 20


class CardFormat:
    """Cards of eight bytes, blank ones between them, a card of stars at the end: no lines at all.
    It shows that a format is a module and nothing else."""

    name = "cards 1"
    max_line_bytes = 8

    def limited(self, max_line_bytes: int) -> "CardFormat":
        del max_line_bytes
        return self

    def parts_at(self, content: Content, position: int) -> bool:
        del content, position
        return False

    def why_incomplete(self, content: Content) -> WhyIncomplete | None:
        if not content.size:
            return "empty"
        return None if content.read_at(content.size - 8, 8) == b"*" * 8 else "no_final_answer"

    def read(self, content: Content) -> Iterator[Part | None]:
        for number in range(content.size // 8):
            data = content.read_at(8 * number, 8)
            if number % (MB // 8) == 0:
                yield None
            yield self._card(number, data)

    def _card(self, number: int, data: bytes) -> Part:
        if not data.isascii():
            return BadLine(number + 1, 0, 8 * number, "a hole in the wrong place", data, 8)
        text = data.decode().strip(" *")
        draft = Draft(text, number, "card", None) if text else None
        return Entry(number + 1, 0, 8 * number, 8, draft)


@dataclass
class Kind:
    format: SourceFormat
    good: Callable[[int], bytes]
    """An entry with a text of its own."""
    blank: bytes
    """An entry with nothing to map."""
    bad: bytes
    end: bytes
    """An entry with nothing to map, that makes a content complete."""


KINDS = {
    "agent_runs": Kind(
        agent_run_format(),
        lambda number: log(iteration(number, f"text {number}")),
        log(b'{"type": "metadata"}'),
        log(b"{oops"),
        log(b'{"final_answer": "x"}'),
    ),
    "jsonl": Kind(
        text_format("body"),
        lambda number: log(json.dumps({"body": f"text {number}"}).encode()),
        log(b'{"text": "of another field"}'),
        log(b"[1]"),
        log(b'{"final_answer": "x"}'),
    ),
    "cards": Kind(CardFormat(), lambda n: b"%-8d" % n, b" " * 8, b"\xff" * 8, b"*" * 8),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def read(kind: Kind, data: bytes, portion_bytes: int = MB) -> list[Part]:
    found = kind.format.read(content_of(data, portion_bytes))
    return [one for one in found if one is not None]


def some(kind: Kind) -> bytes:
    return kind.good(1) + kind.blank + kind.bad + kind.good(2) + kind.end


def test_what_is_found_is_in_file_order_and_stands_where_it_says(kind: Kind) -> None:
    data = some(kind)

    found = read(kind, data)
    assert [isinstance(one, BadLine) for one in found] == [False, False, True, False, False]
    offsets = [one.byte_offset for one in found]
    parts = (kind.good(1), kind.blank, kind.bad, kind.good(2), kind.end)
    assert offsets == [sum(map(len, parts[:number])) for number in range(len(parts))]
    ends = [one.byte_offset + one.size for one in found]
    assert all(end <= begin for end, begin in zip(ends, [*offsets[1:], len(data)], strict=True))
    assert [one.line for one in found] == [1, 2, 3, 4, 5]


def test_only_what_is_to_be_mapped_has_a_draft(kind: Kind) -> None:
    entries = [one for one in read(kind, some(kind)) if isinstance(one, Entry)]

    assert [one.draft is not None for one in entries] == [True, False, True, False]
    assert len({one.draft.text for one in entries if one.draft}) == 2


def test_a_part_that_cannot_be_read_says_why_and_keeps_its_bytes(kind: Kind) -> None:
    (bad,) = [one for one in read(kind, some(kind)) if isinstance(one, BadLine)]

    assert bad.reason
    assert kind.bad.startswith(bad.data)
    assert bad.size == len(bad.data)


@pytest.mark.parametrize("portion_bytes", [1, 7, 64])
def test_the_portions_of_the_bytes_make_no_difference(kind: Kind, portion_bytes: int) -> None:
    assert read(kind, some(kind), portion_bytes) == read(kind, some(kind))


def test_it_keeps_nothing_of_a_content(kind: Kind) -> None:
    first = kind.format.read(content_of(some(kind)))
    next(first)

    assert read(kind, some(kind)) == read(kind, some(kind))


@pytest.mark.parametrize("part", ["good", "blank", "bad"])
def test_others_have_their_turn_whatever_comes_of_a_content(kind: Kind, part: str) -> None:
    one = kind.good(1) if part == "good" else getattr(kind, part)
    data = one * (4 * MB // len(one))

    rests = sum(one is None for one in kind.format.read(content_of(data)))
    assert rests >= 3


def test_a_content_is_complete_by_its_end(kind: Kind) -> None:
    assert kind.format.why_incomplete(content_of(some(kind))) is None
    assert kind.format.why_incomplete(content_of(kind.good(1))) == "no_final_answer"
    assert kind.format.why_incomplete(content_of(b"")) == "empty"


async def test_all_of_discovery_reads_it(kind: Kind) -> None:
    repository = FakeSourceRepository()
    repository.format = kind.format
    repository.put("a.jsonl", some(kind))
    repository.put("b.jsonl", kind.good(1))

    (found,) = await looked(repository, FakeStateStore())
    assert isinstance(found, SourceToRead)
    pieces = await read_all(found, repository)
    letter, batch = pieces
    assert isinstance(letter, DeadLetter)
    assert (letter.line, letter.byte_offset) == (3, some(kind).index(kind.bad))
    assert isinstance(batch, Batch)
    assert len(batch) == 2


def test_a_line_above_the_limit_is_only_told_of() -> None:
    data = log(b"x" * 5000, iteration(1), final())

    bad, *rest = [one for one in agent_run_format(4096).read(content_of(data)) if one is not None]
    assert isinstance(bad, BadLine)
    assert (bad.size, bad.data) == (5000, b"x" * 4096)
    assert [one.line for one in rest] == [2, 3]
