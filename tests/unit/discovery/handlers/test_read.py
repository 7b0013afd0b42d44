from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.batching import Limits
from services.discovery.domain.runs import allowance
from services.discovery.domain.sources import batch_id
from services.discovery.handlers.contents import LIMITS, rules_of
from services.discovery.handlers.found import SourceToRead
from services.discovery.handlers.read import EVIDENCE_BYTES, SCRAP_BYTES, read_source
from services.discovery.ports import SourceChangedError, SourceVanishedError
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, encode, require_columns
from shared.contracts.dead_letters import DeadLetter
from tests.fakes.clock import FrozenClock
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, final, iteration, log, looked, read_all

TWO = Limits(2, 1 << 20)


async def find(repository: FakeSourceRepository) -> SourceToRead:
    (source,) = await looked(repository, FakeStateStore())
    assert isinstance(source, SourceToRead)
    return source


async def read(
    repository: FakeSourceRepository, source: SourceToRead, limits: Limits = LIMITS
) -> list[Batch | DeadLetter]:
    return await read_all(limited(source, limits), repository)


def limited(source: SourceToRead, limits: Limits) -> SourceToRead:
    rules = replace(source.begun.rules, limits=limits)
    return replace(source, begun=replace(source.begun, rules=rules))


async def pieces_of(*lines: bytes, limits: Limits = LIMITS) -> list[Batch | DeadLetter]:
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(*lines))
    return await read(repository, await find(repository), limits)


async def test_a_batch_carries_its_records_and_what_it_is_a_piece_of() -> None:
    (batch,) = await pieces_of(iteration(1, "ä", timestamp="2026-01-01T00:00:00"), final(2, "b"))

    assert isinstance(batch, Batch)
    assert batch.rows.column("text").to_pylist() == ["ä", "b"]
    assert batch.rows.column("line").to_pylist() == [1, 2]
    assert batch.rows.column("timestamp").null_count == 1
    one = batch.descriptor
    assert (one.index, one.is_last, one.records, one.source_version) == (0, True, 2, 1)
    assert one.batch_id == batch_id(
        "default",
        one.source_id,
        1,
        one.fingerprint,
        0,
        rules_of(agent_run_format(1 << 20)).spell(),
    )


async def test_records_say_when_their_content_was_found_and_what_stands_beside_the_text() -> None:
    first, last = await pieces_of(iteration(1), iteration(2), final(3), limits=TWO)

    assert isinstance(first, Batch)
    assert isinstance(last, Batch)
    assert first.rows.column("arrived_at").to_pylist() == [NOW, NOW]
    assert last.rows.column("arrived_at").to_pylist() == [NOW]
    assert first.rows.column("attributes").to_pylist() == [None, None]
    assert last.rows.column("attributes").to_pylist() == ['{"final_answer": "42"}']


async def test_a_batch_can_be_sent() -> None:
    (batch,) = await pieces_of(final())

    assert isinstance(batch, Batch)
    received = decode(encode(batch))
    require_columns(received.rows, RECORD_SCHEMA)
    assert received.descriptor == batch.descriptor


async def test_batches_say_that_what_shows_them_follows() -> None:
    pieces = await pieces_of(iteration(1), iteration(2), final(3), limits=TWO)

    told = [
        (one.descriptor.can_wait, one.descriptor.shows) for one in pieces if isinstance(one, Batch)
    ]
    assert told == [(True, False), (True, False)]


async def test_a_version_of_one_batch_says_with_how_many_records_it_is_shown() -> None:
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(b"oops", iteration(1), b"oops", iteration(2), final(3)))
    source = await find(repository)

    told = {}
    for share in (None, 1.0, 0.5, 0.4, 0.2, 0.0):
        begun = replace(source.begun, max_dead_share=share)
        *_, last = await read(repository, replace(source, begun=begun))
        assert isinstance(last, Batch)
        told[share] = last.descriptor.shows_with
    *_, first, last = await read(repository, replace(source, begun=begun), TWO)

    # Two of five lines are dead already.
    assert told == {None: 0, 1.0: 0, 0.5: 3, 0.4: 3, 0.2: 4, 0.0: 5}
    assert isinstance(first, Batch)
    assert isinstance(last, Batch)
    assert (first.descriptor.shows_with, last.descriptor.shows_with) == (0, 0)


async def test_a_source_without_records_still_has_a_batch() -> None:
    (batch,) = await pieces_of(b'{"type": "metadata", "final_answer": "x"}')

    assert isinstance(batch, Batch)
    assert (len(batch), batch.descriptor.is_last) == (0, True)


async def test_bad_lines_become_dead_letters_and_the_rest_goes_on() -> None:
    letter, batch = await pieces_of(iteration(), b"oops", final())

    assert isinstance(letter, DeadLetter)
    assert isinstance(batch, Batch)
    assert len(batch) == 2
    assert (letter.stage, letter.line, letter.body) == ("discovery", 2, b"oops")
    assert letter.byte_offset == len(log(iteration()))
    assert letter.key == f"{letter.source_id}:1:2:0"


async def test_dead_letters_of_one_line_have_different_keys() -> None:
    first, second, _ = await pieces_of(b"1 2", final())

    assert isinstance(first, DeadLetter)
    assert isinstance(second, DeadLetter)
    assert first.key != second.key


async def test_batches_come_in_order() -> None:
    pieces = await pieces_of(*(iteration(n) for n in range(4)), final(), limits=TWO)

    found = [(one.descriptor.index, len(one)) for one in pieces if isinstance(one, Batch)]
    assert found == [(0, 2), (1, 2), (2, 1)]


async def test_surrogates_do_not_hinder_sending() -> None:
    (batch,) = await pieces_of(final(1, "a\ud800b"))

    assert isinstance(batch, Batch)
    assert batch.rows.column("text").to_pylist() == ["a\ufffdb"]


async def test_what_is_read_again_later_is_the_same_to_the_byte() -> None:
    """Copies of a batch that said different things would contradict each other."""
    repository, store, clock = FakeSourceRepository(), FakeStateStore(), FrozenClock()
    said = dict[str, bytes]()
    for lines in ([final(1)], [final(1), final(2)]):
        repository.put("a.jsonl", log(*lines))
        for _ in range(2):
            clock.advance(60)
            (source,) = await looked(repository, store, clock=clock)
            assert isinstance(source, SourceToRead)
            for piece in await read(repository, source):
                assert isinstance(piece, Batch)
                body = encode(piece)
                assert said.setdefault(piece.descriptor.batch_id, body) == body

    found = [decode(body).rows.column("arrived_at").to_pylist() for body in said.values()]
    assert found == [[NOW + timedelta(seconds=60)], [NOW + timedelta(seconds=180)]]


async def test_the_same_content_gives_the_same_batches() -> None:
    once, again = [await pieces_of(final()) for _ in range(2)]

    assert isinstance(once[0], Batch)
    assert isinstance(again[0], Batch)
    assert once[0].descriptor == again[0].descriptor


async def test_the_last_batch_of_a_source_that_changes_meanwhile_is_withheld() -> None:
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(iteration(1), iteration(2), final(3)))
    source = await find(repository)
    repository.becomes["a.jsonl"] = log(iteration(7), iteration(8), final(9))

    async with aclosing(read_source(limited(source, TWO), repository)) as pieces:
        first = await anext(pieces)
        assert isinstance(first, Batch)
        assert not first.descriptor.is_last
        with pytest.raises(SourceChangedError):
            await anext(pieces)


async def test_a_source_that_only_grows_meanwhile_is_read_as_it_was_found() -> None:
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(final()))
    source = await find(repository)
    repository.becomes["a.jsonl"] = log(final(), iteration(10))

    (batch,) = await read(repository, source)
    assert len(batch) == 1 if isinstance(batch, Batch) else False


async def test_a_source_that_goes_away_is_told_of() -> None:
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(final()))
    source = await find(repository)
    repository.remove("a.jsonl")

    with pytest.raises(SourceVanishedError):
        await read(repository, source)


async def test_a_version_keeps_a_bounded_amount_of_evidence() -> None:
    """Else a file of long lines of rubbish pushes the letters of others out of the stream."""
    late = 1_000_000
    size = 100_000
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(*[b"x" * size] * 9, final()))
    source = await find(repository)
    source = replace(source, begun=replace(source.begun, number=late))

    *letters, _ = await read(repository, source)

    assert all(isinstance(one, DeadLetter) and one.original_bytes == size for one in letters)
    kept = [len(one.body) for one in letters if isinstance(one, DeadLetter)]
    assert sum(kept) == allowance(EVIDENCE_BYTES, late) + kept.count(SCRAP_BYTES) * SCRAP_BYTES
    assert kept[0] == size
    assert kept[-1] == SCRAP_BYTES
