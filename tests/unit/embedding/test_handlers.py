import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.embedding.domain.backoff import Backoff
from services.embedding.domain.vectors import normalise
from services.embedding.handlers.asking import CANARY, Encoder, Limits
from services.embedding.handlers.embed import embed_batches
from shared.contracts.batches import Batch, decode, embedded_schema, encode, require_columns
from shared.contracts.dead_letters import DeadLetter
from tests.builders import batch
from tests.fakes.embedder import FakeEmbedder
from tests.waiting import PATIENCE_S

BACKOFF = Backoff(first_s=1.0, longest_s=8.0, tries_when_ambiguous=2)


@dataclass
class Nap:
    """Sleeps no time at all, and can change the world meanwhile."""

    taken: list[float] = field(default_factory=list)
    meanwhile: Callable[[int], None] = lambda _count: None

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.meanwhile(len(self.taken))
        await asyncio.sleep(0)


def encoder(embedder: FakeEmbedder, nap: Nap | None = None, **limits: Any) -> Encoder:
    return Encoder(embedder, asyncio.Semaphore(2), Limits(**limits), BACKOFF, sleep=nap or Nap())


async def embed_batch(one: Batch, *, encoder: Encoder) -> tuple[Batch, list[DeadLetter]]:
    (embedded,), dead = await embed_batches([one], encoder=encoder)
    return embedded, dead


def text_of(letter: DeadLetter) -> str:
    return decode(letter.body).rows["text"].to_pylist()[0]


def vectors_by_text(out: Batch) -> dict[str, list[float]]:
    return dict(zip(out.rows["text"].to_pylist(), out.vectors.tolist(), strict=True))


def numbered(count: int) -> tuple[str, ...]:
    return tuple(f"text {number}" for number in range(count))


# --- a server that is well


async def test_every_record_has_its_vector_and_the_rest_is_as_it_was() -> None:
    fake, given_batch = FakeEmbedder(max_texts=2), batch(numbered(5))

    out, dead = await embed_batch(given_batch, encoder=encoder(fake, normalise=False))

    assert dead == []
    require_columns(out.rows, embedded_schema(4))
    assert out.rows.select(given_batch.rows.schema.names).equals(given_batch.rows)
    expected = np.stack([fake.vector(text) for text in numbered(5)])
    assert np.array_equal(out.vectors, expected)
    assert out.descriptor == given_batch.descriptor.model_copy(update={"embedder": "fake-1"})


async def test_small_batches_share_a_request_and_each_gets_its_own_back() -> None:
    fake = FakeEmbedder(poison={"b"})
    texts = (("a", "b"), (), ("c",), ("d", "e"))
    given_batches = [batch(some, batch_id=f"batch-{number}") for number, some in enumerate(texts)]

    out, dead = await embed_batches(given_batches, encoder=encoder(fake, normalise=False))

    assert fake.requests[0] == ["a", "b", "c", "d", "e"]
    assert [vectors_by_text(one) for one in out] == [
        {text: fake.vector(text).tolist() for text in some if text != "b"} for some in texts
    ]
    assert [one.descriptor.batch_id for one in out] == [f"batch-{number}" for number in range(4)]
    assert [(one.batch_id, text_of(one)) for one in dead] == [("batch-0", "b")]


async def test_vectors_have_length_one_by_default() -> None:
    fake = FakeEmbedder()

    out, _ = await embed_batch(batch(("a",)), encoder=encoder(fake))

    assert np.array_equal(out.vectors, normalise(fake.vector("a")[None]))


async def test_requests_keep_to_the_limits() -> None:
    fake = FakeEmbedder(max_texts=3)

    await embed_batch(batch(("abcdef", "é" * 9, "x", "y", "z", "w")), encoder=encoder(
        fake, request_bytes=8, max_chars=4))  # fmt: skip

    assert fake.requests == [["abcd"], ["éééé"], ["x", "y", "z"], ["w"]]


async def test_a_long_text_is_stored_whole() -> None:
    out, _ = await embed_batch(batch(("abcdef",)), encoder=encoder(FakeEmbedder(), max_chars=4))

    assert out.rows["text"].to_pylist() == ["abcdef"]


async def test_an_empty_batch_stays_empty_and_asks_nobody() -> None:
    fake = FakeEmbedder()

    out, dead = await embed_batch(batch(()), encoder=encoder(fake))

    assert (len(out), dead, fake.requests) == (0, [], [])
    assert out.vectors.shape[0] == 0


async def test_health_counts_texts_and_knows_the_dimension() -> None:
    one = encoder(FakeEmbedder(poison=["b"]))

    await embed_batch(batch(("a", "b", "c")), encoder=one)

    assert (one.health.texts, one.health.rejected, one.health.dimensions) == (2, 1, {"default": 4})
    assert one.health.blocked is None


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["good", "good", "good", "poison", "nan"]), max_size=20),
    max_texts=st.integers(1, 8),
    outages=st.integers(0, 3),
    ambiguous=st.integers(0, 3),
)
async def test_every_record_has_a_vector_or_a_dead_letter_in_order_and_repeatably(
    kinds: list[str], max_texts: int, outages: int, ambiguous: int
) -> None:
    texts = tuple(f"{kind} {number}" for number, kind in enumerate(kinds))

    def server(**sick: int) -> FakeEmbedder:
        fake = FakeEmbedder(max_texts=max_texts)
        fake.poison = {text for text in texts if text.startswith("poison")}
        fake.nan = {text for text in texts if text.startswith("nan")}
        fake.outages, fake.ambiguous = sick.get("outages", 0), sick.get("ambiguous", 0)
        return fake

    given_batch = batch(texts)
    out, dead = await embed_batch(
        given_batch, encoder=encoder(server(outages=outages, ambiguous=ambiguous))
    )
    again, dead_again = await embed_batch(given_batch, encoder=encoder(server()))

    assert out.rows["text"].to_pylist() == [t for t in texts if t.startswith("good")]
    assert [text_of(letter) for letter in dead] == [t for t in texts if t[0] != "g"]
    if len(out):  # an empty column cannot know the dimension before the first vector
        assert encode(out) == encode(again)
    assert dead == dead_again


# --- a server that is away


async def test_an_outage_is_waited_for_with_growing_pauses() -> None:
    fake, nap = FakeEmbedder(outages=7), Nap()
    one = encoder(fake, nap)
    blocked: list[str | None] = []
    nap.meanwhile = lambda _count: blocked.append(one.health.blocked)

    out, dead = await embed_batch(batch(), encoder=one)

    assert (len(out), dead) == (2, [])
    assert blocked == ["connection refused"] * 7
    assert one.health.blocked is None
    for pause, step in zip(nap.taken, [1, 2, 4, 8, 8, 8, 8], strict=True):
        assert step / 2 <= pause <= step


async def test_a_server_that_asks_for_time_gets_it() -> None:
    nap = Nap()

    await embed_batch(batch(), encoder=encoder(FakeEmbedder(outages=1, retry_after_s=77), nap))

    assert nap.taken == [77]


async def test_a_long_outage_is_no_burden() -> None:
    nap = Nap()

    out, dead = await embed_batch(batch(), encoder=encoder(FakeEmbedder(outages=5000), nap))

    assert (len(out), dead, len(nap.taken)) == (2, [], 5000)


async def test_a_failure_that_may_pass_is_tried_again_before_anything_is_halved() -> None:
    fake, nap = FakeEmbedder(ambiguous=1, wrong_counts=1), Nap()

    out, dead = await embed_batch(batch(numbered(8)), encoder=encoder(fake, nap))

    assert (len(out), dead) == (8, [])
    assert fake.requests == [list(numbered(8))] * 3
    assert len(nap.taken) == 2


# --- texts that a server cannot take


@pytest.mark.parametrize("is_ambiguous", [False, True])
async def test_poison_is_found_and_named_and_the_others_go_on(*, is_ambiguous: bool) -> None:
    texts = numbered(64)
    fake = FakeEmbedder(poison=[texts[41]], poison_is_ambiguous=is_ambiguous)
    given_batch = batch(texts, batch_id="b-7", filename="runs/ü.jsonl", source_id="s-7")

    out, dead = await embed_batch(given_batch, encoder=encoder(fake))

    assert out.rows["text"].to_pylist() == [text for text in texts if text != texts[41]]
    assert all(
        np.array_equal(row, normalise(fake.vector(text)[None])[0])
        for text, row in vectors_by_text(out).items()
    )
    (letter,) = dead
    record = given_batch.rows.slice(41, 1).to_pylist()[0]
    assert text_of(letter) == texts[41]
    assert letter.key == f"b-7:{record['id']}"
    assert (letter.record_id, letter.line, letter.byte_offset) == (record["id"], 42, 4100)
    assert (letter.filename, letter.source_id) == ("runs/ü.jsonl", "s-7")
    assert (letter.stage, letter.collection, letter.batch_id) == ("embedding", "default", "b-7")
    assert (letter.source_version, letter.records) == (1, 1)
    assert "bad text" in letter.reason


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 128), st.data())
async def test_finding_poison_takes_few_requests(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=min(count, 5)))
    texts = numbered(count)
    fake = FakeEmbedder(poison=[texts[position] for position in bad])

    _, dead = await embed_batch(batch(texts), encoder=encoder(fake))

    assert len(dead) == len(bad)
    tries = [request for request in fake.requests if request != [CANARY]]
    halving = 2 * len(bad) * math.ceil(math.log2(max(2, count)))
    assert len(tries) <= 1 + halving + 2 * len(bad), "with two more tries for each culprit"
    assert len(fake.requests) - len(tries) == 3 * len(bad), "the canary around each of them"


async def test_a_batch_of_nothing_but_poison_is_empty_but_has_its_column() -> None:
    fake = FakeEmbedder(poison=numbered(4))
    one = encoder(fake)

    before, dead = await embed_batch(batch(numbered(4)), encoder=one)
    await embed_batch(batch(("good",)), encoder=one)
    after, _ = await embed_batch(batch(numbered(4)), encoder=one)

    assert [text_of(letter) for letter in dead] == list(numbered(4))
    assert (len(before), before.vectors.shape[0]) == (0, 0)
    require_columns(after.rows, embedded_schema(4))
    assert after.descriptor.records == 4


async def test_a_server_that_recovers_just_before_the_canary_costs_no_record() -> None:
    tries = 1 + BACKOFF.tries_when_ambiguous

    out, dead = await embed_batch(batch(("a",)), encoder=encoder(FakeEmbedder(ambiguous=tries)))

    assert (len(out), dead) == (1, [])


async def test_a_server_that_comes_and_goes_costs_no_record() -> None:
    """Sick for the text, well for the canary, and sick once more: that may be chance."""
    fake = FakeEmbedder()
    plain = fake.embed
    sick = iter([True, False, True])

    async def flapping(asked: Any) -> Any:
        fake.poison = set(asked) if next(sick, False) else set()
        return await plain(asked)

    fake.embed = flapping  # type: ignore[method-assign]

    out, dead = await embed_batch(batch(("a",)), encoder=encoder(fake))

    assert (len(out), dead) == (1, [])


@pytest.mark.parametrize("count", [1, 5])
async def test_only_texts_without_a_usable_vector_are_dead(count: int) -> None:
    texts = numbered(9)
    fake = FakeEmbedder(nan=texts[:count])

    out, dead = await embed_batch(batch(texts), encoder=encoder(fake))

    assert out.rows["text"].to_pylist() == list(texts[count:])
    assert np.isfinite(out.vectors).all()
    assert [text_of(letter) for letter in dead] == list(texts[:count])
    assert all("NaN" in letter.reason for letter in dead)


# --- a server that is sick


async def test_a_server_that_fails_for_everybody_is_told_of_before_requests_are_halved() -> None:
    """A wrong path is answered for any text: 128 of them by themselves took minutes."""
    fake, nap = FakeEmbedder(ambiguous=8), Nap()
    one = encoder(fake, nap)
    asked: dict[str, int] = {}

    def note(_count: int) -> None:
        asked.setdefault(one.health.blocked or "", len(fake.requests))

    nap.meanwhile = note

    out, dead = await embed_batch(batch(numbered(64)), encoder=one)

    assert (len(out), dead) == (64, [])
    assert asked == {"": 1, "the server fails even for a plain sentence: answered 500": 4}
    assert all(len(request) == 64 for request in fake.requests if request != [CANARY])


@pytest.mark.parametrize("sickness", ["poison", "nan"])
async def test_while_the_canary_fails_nothing_is_dead(sickness: str) -> None:
    """A server that fails for everything says nothing about any text."""
    texts = numbered(4)
    fake, nap = FakeEmbedder(), Nap()
    sick = getattr(fake, sickness)
    sick.update([*texts, CANARY])
    one = encoder(fake, nap)
    told: list[str | None] = []

    def recover(count: int) -> None:
        told.append(one.health.blocked)
        if count == 20:
            sick.clear()

    nap.meanwhile = recover

    async with asyncio.timeout(PATIENCE_S):
        out, dead = await embed_batch(batch(texts), encoder=one)

    assert (len(out), dead) == (4, [])
    assert len(nap.taken) >= 20
    assert all(told)
    assert one.health.blocked is None
    assert len(fake.requests) <= 3 * len(nap.taken) + 20, "it must not hammer a sick server"


@pytest.mark.parametrize("first", ["from the first answer", "from the bus"])
async def test_vectors_of_another_dimension_are_waited_out(first: str) -> None:
    """It is another model that answers: no text is to blame, and none may be mapped so."""
    fake, nap = FakeEmbedder(dimension=4), Nap()
    one = encoder(fake, nap)
    if first == "from the bus":
        one.health.dimensions["default"] = 4
    else:
        await embed_batch(batch(), encoder=one)
    told: list[str | None] = []

    def recover(count: int) -> None:
        told.append(one.health.blocked)
        fake.dimension = 4 if count == 20 else 5

    fake.dimension, nap.meanwhile = 5, recover

    out, dead = await embed_batch(batch(numbered(3)), encoder=one)

    assert (len(out), dead, out.vectors.shape[1]) == (3, [], 4)
    assert len(nap.taken) == 20
    assert all("5 dimensions" in (reason or "") for reason in told)
    assert one.health.blocked is None


async def test_a_canary_of_another_dimension_is_no_sign_of_health() -> None:
    fake, nap = FakeEmbedder(dimension=4, poison=["a"]), Nap()
    one = encoder(fake, nap)
    one.health.dimensions["default"] = 4

    def recover(count: int) -> None:
        if count == 9:
            fake.dimension = 4
            fake.poison.clear()

    fake.dimension, nap.meanwhile = 5, recover

    out, dead = await embed_batch(batch(("a",)), encoder=one)

    assert (len(out), dead) == (1, [])


async def test_a_server_may_be_sick_for_days() -> None:
    fake, nap = FakeEmbedder(poison=["a", CANARY]), Nap()

    def recover(count: int) -> None:
        if count == 5000:
            fake.poison.clear()

    nap.meanwhile = recover

    out, dead = await embed_batch(batch(("a",)), encoder=encoder(fake, nap))

    assert (len(out), dead) == (1, [])


async def test_an_outage_during_the_search_for_poison_blames_no_innocent() -> None:
    texts = numbered(8)
    fake, nap = FakeEmbedder(poison=[texts[3]]), Nap()
    plain = fake.embed

    async def flaky(asked: Any) -> Any:
        if len(fake.requests) in {2, 5, 6}:
            fake.outages = 2
        return await plain(asked)

    fake.embed = flaky  # type: ignore[method-assign]

    _, dead = await embed_batch(batch(texts), encoder=encoder(fake, nap))

    assert [text_of(letter) for letter in dead] == [texts[3]]
    assert nap.taken


async def test_no_more_requests_run_at_once_than_there_are_slots() -> None:
    running: list[int] = [0]
    most: list[int] = [0]

    class Slow(FakeEmbedder):
        async def embed(self, texts: Any) -> Any:
            running[0] += 1
            most[0] = max(most[0], running[0])
            await asyncio.sleep(0)
            running[0] -= 1
            return await super().embed(texts)

    one = encoder(Slow(max_texts=1))
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(embed_batch(batch(numbered(6)), encoder=one))

    assert most == [2]


# --- a server that is slow


async def test_a_server_that_is_too_slow_for_a_request_is_asked_for_less() -> None:
    """One text a second, a hundred a request, a minute's patience: the same again never ends."""
    fake, nap = FakeEmbedder(in_time=3), Nap()
    patient = encoder(fake, nap)

    out, dead = await embed_batch(batch(numbered(20)), encoder=patient)
    asked = len(fake.requests)
    again, _ = await embed_batch(batch(numbered(20)), encoder=patient)

    assert (len(out), dead, nap.taken) == (20, [], [])
    assert again.rows.equals(out.rows)
    assert all(len(texts) <= 3 for texts in fake.requests[asked:])
    assert patient.health.blocked is None


async def test_a_server_that_does_not_answer_for_one_text_is_away() -> None:
    fake = FakeEmbedder(in_time=0)

    def recover(naps: int) -> None:
        if naps == 5:
            fake.in_time = None

    out, dead = await embed_batch(batch(("a",)), encoder=encoder(fake, Nap(meanwhile=recover)))

    assert (len(out), dead, len(fake.requests)) == (1, [], 6)
