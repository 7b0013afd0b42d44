"""Whatever is in a file: no crash, and every part of every line is accounted for."""

import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.batching import Cut, Limits
from services.discovery.domain.entries import BadLine
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.found import SourceToRead
from shared.bus.messages.outgoing import outgoing_batch
from shared.bus.publishing.dead_letters import outgoing_dead_letter, read_dead_letter
from shared.bus.publishing.publisher import MAX_MESSAGE
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.contracts.batches import MAX_TEXT_BYTES, Batch, decode
from shared.contracts.dead_letters import DeadLetter
from tests.fakes.contents import content_of
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.fuzz import plain_reader
from tests.fuzz.damage import damaged
from tests.unit.discovery.builders import final, iteration, looked, read_all

DATA = Path(__file__).parents[1] / "data"
SAMPLES = sorted(DATA.rglob("*.jsonl"))
NAME = "a/ü.jsonl"
LIMITS = Limits(4, MAX_TEXT_BYTES)
ROUNDS = 200
"""Damaged copies of each sample."""


def pieces_of(content: bytes, block: int = 1 << 20) -> list[Piece]:
    return list(reading(content, block))


def reading(content: bytes, block: int = 1 << 20) -> Iterator[Piece]:
    reader = SourceReader(NAME, LIMITS)
    for piece in reader.read(agent_run_format().read(content_of(content, block))):
        if piece is not None:
            yield piece


def check(content: bytes) -> None:
    """Compare with the plain reader: all of it, and where a file is damaged, all the same."""
    pieces = pieces_of(content)

    expected = plain_reader.read(content, NAME)
    records = [asdict(one) for cut in pieces if isinstance(cut, Cut) for one in cut.records]
    bad = [one for one in pieces if isinstance(one, BadLine)]
    assert records == expected.records
    assert [(one.line, one.position, one.byte_offset, one.data) for one in bad] == expected.bad
    assert all(one.reason for one in bad)
    assert all(content[one.byte_offset :].startswith(one.data) for one in bad)
    assert pieces_of(content, 777) == pieces
    agent_run_format().why_incomplete(content_of(content))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name[:40])
def test_a_damaged_log_loses_only_what_is_damaged(sample: Path) -> None:
    content = sample.read_bytes()
    check(content)
    for seed in range(ROUNDS):
        check(damaged(content, random.Random(seed)))


def test_the_samples_hold_what_the_reader_knows_and_what_it_does_not() -> None:
    readings = [plain_reader.read(one.read_bytes(), NAME) for one in SAMPLES]

    assert sum(len(one.records) for one in readings) > 10
    assert sum(len(one.bad) for one in readings) > 0
    assert sum(len(one.skipped) for one in readings) > 3


def nested(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"text": value}
    return value


scalars = (
    st.none() | st.booleans() | st.integers(-(2**31) - 2, 2**31 + 1)
    | st.floats(width=32) | st.text(st.characters(exclude_categories=[]), max_size=8)
    | st.sampled_from(["2026-01-01T00:00:00Z", "\ufeff", "\0", "a\nb", 2.0, 1e300])
    | st.just(3000).map("x".__mul__)
)  # fmt: skip
anything = st.recursive(
    scalars | st.integers(1, 1200).map(nested),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "content", "role", "messages", "x"]), inner)
    ),
    max_leaves=6,
)
FIELDS = ("type", "iteration", "response", "timestamp", "messages", "prompt", "final_answer")
kinds = st.sampled_from(["iteration", "iteration", "initial_prompt", "metadata"])
usual = {
    "type": kinds,
    "iteration": st.integers(0, 3),
    "response": st.text(max_size=9),
    "prompt": st.text(max_size=9),
}
entries = st.fixed_dictionaries(
    {}, optional={name: usual.get(name, anything) | anything for name in FIELDS}
)


def written(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except RecursionError:  # deeper than Python writes; readers meet it all the same
        return b'{"type": "iteration", "iteration": 1, "response": ' + b"[" * 3000 + b"}"


def twice(body: bytes) -> bytes:
    """Repeat every key of an object: the last one counts."""
    return body[:-1] + b', "type": "iteration", ' + body[1:] if len(body) > 2 else body


spoiled = st.sampled_from(
    [
        lambda one: one,
        twice,
        lambda one: b"\xef\xbb\xbf" + one + b"\r",
        lambda one: one[: len(one) // 2],
        lambda one: one + one,
        lambda one: one.replace(b'"', b"\xff", 1),
        lambda one: one + b" 1 null " + one,
        lambda one: b"\0" + one,
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(entries, spoiled), max_size=6), st.sampled_from([b"\n", b"\r\n"]))
def test_entries_of_any_shape_are_accounted_for(
    lines: list[tuple[dict[str, Any], Callable[[bytes], bytes]]], end: bytes
) -> None:
    check(end.join(spoil(written(entry)) for entry, spoil in lines))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("depth", [100, 500, 900, 980, 1020, 1100, 5000])
def test_no_field_is_nested_too_deeply_to_be_read_or_refused(field: str, depth: int) -> None:
    value = b"[" * depth + b"1" + b"]" * depth
    entry = b'{"type": "iteration", "iteration": 1, "response": "x", "%b": %b}'

    pieces = pieces_of(entry % (field.encode(), value))

    records = sum(len(one.records) for one in pieces if isinstance(one, Cut))
    assert records + sum(isinstance(one, BadLine) for one in pieces) <= 1


async def message_of(content: bytes) -> list[Batch | DeadLetter]:
    repository = FakeSourceRepository()
    repository.put(NAME, content)
    found = await looked(repository, FakeStateStore())
    assert isinstance(found[0], SourceToRead)
    assert isinstance(found[0].stat, SourceStat)
    return await read_all(found[0], repository)


@pytest.mark.parametrize("seed", range(40))
async def test_what_is_read_can_be_sent_and_is_the_same_again(seed: int) -> None:
    """From damaged bytes to the messages: batches decode, dead letters say where."""
    random_ = random.Random(seed)
    content = damaged(random_.choice(SAMPLES).read_bytes(), random_) + b"\n" + final() + b"\n"

    pieces = await message_of(content)

    sent = [
        outgoing_batch(DISCOVERY_BATCH, one)
        if isinstance(one, Batch)
        else outgoing_dead_letter(one)
        for one in pieces
    ]
    assert all(len(one.body) <= MAX_MESSAGE for one in sent)
    again = await message_of(content)
    assert [one.key for one in pieces if isinstance(one, DeadLetter)] == [
        one.key for one in again if isinstance(one, DeadLetter)
    ]
    assert [one.message_id for one in sent if one.channel is DISCOVERY_BATCH] == [
        outgoing_batch(DISCOVERY_BATCH, one).message_id for one in again if isinstance(one, Batch)
    ]
    for one in sent:
        if one.channel is DISCOVERY_BATCH:
            assert len(decode(one.body)) == decode(one.body).descriptor.records
        else:
            letter = read_dead_letter("dead.discovery.default", one.headers, one.body)
            assert None not in (letter.line, letter.byte_offset, letter.filename, letter.source_id)


@pytest.mark.parametrize(
    "line",
    [
        b"1 " * (4 << 20),
        iteration(1, "x") * ((8 << 20) // len(iteration(1, "x"))),
        b'{"type": "iteration", "iteration": 1, "response": "' + b"\\u0041" * (1 << 20) + b'"}',
        b'{"type": "iteration", "iteration": 1, "response": "' + b"A" * (8 << 20) + b'"}',
        b"[" * (8 << 20),
        b"\xff" * (8 << 20),
    ],
    ids=["numbers", "records", "escapes", "text", "brackets", "no text"],
)
def test_a_line_of_eight_megabytes_takes_a_small_multiple_of_it(line: bytes) -> None:
    tracemalloc.start()
    for _ in reading(line):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * len(line)
