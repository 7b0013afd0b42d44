from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.batching import Cut, Limits
from services.discovery.domain.dead_letters import Letter
from services.discovery.domain.entries import BadLine
from services.discovery.domain.rereading import NO_RECORD, Readable, Rereader
from services.discovery.handlers.accounts import death_of
from services.discovery.handlers.read import letter_of
from shared.contracts.dead_letters import spell_spans
from tests.unit.discovery.builders import (
    final,
    found_in,
    iteration,
    log,
    pieces_in,
    stat,
)

LIMITS = Limits(128, 1 << 20)


def read(content: bytes, limit: int = 1 << 20) -> tuple[list[str], list[Letter]]:
    """Ids of the records that are readable, and the letters of what is not."""
    ids, letters = [], []
    for piece in pieces_in(content, LIMITS, max_line_bytes=limit):
        if isinstance(piece, Cut):
            ids += [record.id for record in piece.records]
        elif isinstance(piece, BadLine):
            key = f"{piece.line}:{piece.position}"
            letters.append(Letter(key, "s", None, 1, piece.byte_offset, piece.size))
    return ids, letters


def reread(content: bytes, letters: list[Letter], *wanted: str) -> dict[str, Any]:
    reader = Rereader("a.jsonl", letters, frozenset(wanted))
    list(reader.read(found_in(content)))
    return {
        key: found.records if isinstance(found, Readable) and not found.left else found
        for key, found in reader.finish().items()
    }


def test_a_line_that_was_too_long_is_read_with_a_higher_limit() -> None:
    content = log(iteration(1, "a" * 500), final(2, "b"))
    ids, letters = read(content, limit=200)
    assert [part.size for part in letters] == [len(iteration(1, "a" * 500))]

    (records,) = reread(content, letters, letters[0].key).values()

    assert [record.text for record in records] == ["a" * 500]
    assert records[0].id not in ids
    assert (records[0].line, records[0].byte_offset) == (1, 0)


def test_what_still_cannot_be_read_says_why() -> None:
    content = log(b"{oops", final())
    _, letters = read(content)

    found = reread(content, letters, "1:0")

    assert "still cannot be read: not JSON" in found["1:0"]


def test_what_is_refused_uses_up_no_numbers() -> None:
    half = iteration(1, "a" * 300) + b" {oops"
    content = log(half, iteration(1, "b" * 300), final(2))
    _, letters = read(content, limit=200)
    refused, other = (part.key for part in letters)

    found = reread(content, letters, refused, other)

    assert "still cannot be read" in found[refused]
    assert found[other] == reread(content, letters, other)[other]


def test_what_holds_no_record_says_so() -> None:
    content = log(b'{"type": "metadata", "x": "' + b"y" * 300 + b'"}', final())
    _, letters = read(content, limit=200)

    assert reread(content, letters, "1:0") == {"1:0": NO_RECORD}


def test_the_rest_of_a_damaged_line_may_hold_several_records() -> None:
    rest = b" ".join(iteration(n, f"t{n}") for n in (1, 1, 2))
    content = log(final(1, "first"), rest, final(2, "last"))
    part = Letter("2:0", "s", None, 1, len(final(1, "first")) + 1, len(rest))

    (records,) = reread(content, [part], "2:0").values()

    assert [(one.iteration, one.idx_in_iteration) for one in records] == [(1, 1), (1, 2), (2, 1)]


LONG = 300
NUMBERS = st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=12)


@given(NUMBERS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_no_two_records_share_an_id_whatever_is_replayed_when(
    numbers: list[tuple[int, bool]], random: Random, first: int
) -> None:
    content = log(
        *(iteration(n, ("x" * LONG if is_long else "y") + str(i))
          for i, (n, is_long) in enumerate(numbers))
    )  # fmt: skip
    ids, letters = read(content, limit=LONG)
    order = [letter.key for letter in letters]
    random.shuffle(order)
    rounds = [order[:first], order[first:]]

    for turn, wanted in enumerate(rounds):
        found = reread(content, letters, *wanted)
        by_key = sorted(found, key=lambda key: int(key.split(":")[0]))
        for key in by_key:
            ids += [record.id for record in found[key]]
        letters = [
            one if one.key not in found else replayed(one, turn * 100 + by_key.index(one.key))
            for one in letters
        ]

    assert len(ids) == len(set(ids)) == len(numbers)


def replayed(letter: Letter, turn: int) -> Letter:
    return Letter(letter.key, "s", None, 1, letter.byte_offset, letter.size, "replayed", "c", turn)


LATE = 1_000_000
"""A version so late that runs begin after ten bad parts, to keep the tests small."""
KINDS = st.sampled_from(["good", "long", "rubbish", "blank"])


def read_late(content: bytes, limit: int) -> tuple[list[str], list[Letter]]:
    """Ids of the readable records, and letters as the ledger has them: parts and runs."""
    ids, letters = [], []
    for piece in pieces_in(content, LIMITS, version=LATE, max_line_bytes=limit):
        if isinstance(piece, Cut):
            ids += [record.id for record in piece.records]
            continue
        made = letter_of(piece, stat("a"), LATE)
        letters.append(Letter.of(death_of(made, "s", LATE)))
    return ids, letters


@given(st.lists(KINDS, max_size=80), st.randoms(use_true_random=False))
def test_runs_are_replayed_in_any_order_and_what_is_left_of_them_again(
    kinds: list[str], random: Random
) -> None:
    """Every record gets a row of its own, and every line is mapped or dead in the end."""
    texts = {"good": "y", "long": "x" * LONG}
    content = log(
        *(iteration(1, texts[kind] + str(number)) if kind in texts else
          {"rubbish": b"{oops", "blank": b""}[kind]
          for number, kind in enumerate(kinds))
    )  # fmt: skip
    ids, letters = read_late(content, LONG)
    total = sum(kind != "blank" for kind in kinds)
    assert len(ids) + sum(one.records for one in letters) == total
    turn = 0
    order = [one.key for one in letters]
    random.shuffle(order)

    for key in order:
        (found,) = reread(content, letters, key).values()
        if isinstance(found, str):
            continue
        turn += 1
        now = found if isinstance(found, list) else found.records
        ids += [record.id for record in now]
        position = next(n for n, one in enumerate(letters) if one.key == key)
        letter = replace(letters[position], fate="replayed", turn=turn)
        if isinstance(found, Readable):
            rest = [
                replace(Letter.of(death_of(letter_of(run, stat("a"), LATE), "s", LATE)),
                        key=f"{key}:{number}")
                for number, run in enumerate(found.runs())
            ]  # fmt: skip
            letter = replace(letter, records=len(now), spans=spell_spans(found.spans))
            letters += rest
        letters[position] = letter

    assert len(set(ids)) == len(ids) == sum(kind in texts for kind in kinds)
    dead = [one for one in letters if one.fate == "dead"]
    assert sum(one.records for one in dead) == kinds.count("rubbish")
    again = reread(content, letters, *(one.key for one in dead))
    assert all("still cannot be read" in str(why) for why in again.values())
