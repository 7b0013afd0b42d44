"""No text is embedded twice by the same model, and none has the vector of another one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.embedding.adapters.sqlite_vector_cache import SqliteVectorCache
from services.embedding.domain.backoff import Backoff
from services.embedding.handlers.asking import CANARY, Encoder, Limits
from services.embedding.handlers.embed import embed_batches
from services.embedding.handlers.recall import TRUST_S, Recall
from services.embedding.ports import EmbedderUnavailableError
from tests.builders import batch
from tests.fakes.clock import FrozenClock
from tests.fakes.embedder import FakeEmbedder


class Model(FakeEmbedder):
    """A server behind which the model can be changed, and which can be made to fail once."""

    turn = 0
    swaps_after: int | None = None
    """After so many requests another model answers, without a failure in between."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = await super().embed(texts)
        if self.swaps_after is not None and len(self.requests) >= self.swaps_after:
            self.turn, self.swaps_after = self.turn + 1, None
        return vectors

    def vector(self, text: str) -> NDArray[np.float32]:
        return np.roll(super().vector(text), self.turn)

    @property
    def asked(self) -> list[str]:
        """Every text that it embedded, canaries aside."""
        return [text for request in self.requests for text in request if text != CANARY]


async def no_nap(_seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def process(folder: Path, fake: Model, clock: FrozenClock) -> AsyncIterator[Encoder]:
    """Run as a process does that is started with what an earlier one has left."""
    async with SqliteVectorCache.open(folder, 1 << 24, clock=clock) as cache:
        assert cache is not None
        yield Encoder(
            fake,
            asyncio.Semaphore(2),
            Limits(normalise=False),
            Backoff(),
            recall=Recall(cache, "a space", clock=clock),
            sleep=no_nap,
        )


async def embedded(encoder: Encoder, *texts: str) -> None:
    """Embed texts; each gets the vector of the model that answers now."""
    fake = encoder.embedder
    assert isinstance(fake, Model)
    given_batch = batch(texts)
    (out,), dead = await embed_batches([given_batch], encoder=encoder)
    assert dead == []
    assert out.rows.select(given_batch.rows.schema.names).equals(given_batch.rows)
    assert np.array_equal(out.vectors, np.stack([fake.vector(text) for text in texts]))


async def test_a_text_is_embedded_once_whatever_process_asks(tmp_path: Path) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a", "b", "a")
        await embedded(one, "b", "c")
    async with process(tmp_path, fake, clock) as two:
        await embedded(two, "c", "a", "d", "b")

    assert fake.asked == ["a", "b", "c", "d"]
    assert one.health.texts == 5
    assert (one.health.recalled, two.health.recalled) == (1, 3)


async def test_another_model_by_the_same_name_is_found_out_by_a_new_process(
    tmp_path: Path,
) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
    fake.turn = 1
    async with process(tmp_path, fake, clock) as two:
        await embedded(two, "b", "a")
    fake.turn = 0
    async with process(tmp_path, fake, clock) as three:
        await embedded(three, "a", "b")

    assert fake.asked == ["a", "b", "a", "b"]  # the first model's "a" was still there


async def test_another_model_is_found_out_after_an_outage(tmp_path: Path) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
        fake.outages, fake.turn = 1, 1
        await embedded(one, "b")
        clock.advance(60)
        await embedded(one, "a", "b")


async def test_another_model_is_found_out_after_some_time_in_any_case(tmp_path: Path) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
        fake.turn = 1
        clock.advance(TRUST_S + 1)
        await embedded(one, "a")


async def test_what_a_model_gave_that_came_unseen_is_not_kept_for_the_one_before(
    tmp_path: Path,
) -> None:
    """Nothing failed in between: a proxy sent the requests somewhere else."""
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
        clock.advance(TRUST_S + 1)
        await embedded(one, "a")
        fake.turn = 1
        await embedded(one, "b")
        clock.advance(TRUST_S + 1)
        await embedded(one, "c")
        fake.turn = 0
        clock.advance(TRUST_S + 1)
        await embedded(one, "b", "a")

    assert fake.asked == ["a", "b", "c", "b"]


async def test_what_comes_after_a_doubt_is_not_kept_for_the_model_of_before(
    tmp_path: Path,
) -> None:
    """The request was sent to one model, and what comes after the outage is another's."""
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
        fake.outages, fake.turn = 1, 1
        await embedded(one, "b")
    fake.turn = 0
    async with process(tmp_path, fake, clock) as two:
        await embedded(two, "b")


async def test_while_the_server_is_away_nothing_is_taken_for_granted(tmp_path: Path) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
    fake.outages = 3
    async with process(tmp_path, fake, clock) as two:
        await embedded(two, "a")

    assert two.health.blocked is None


async def test_a_cache_that_cannot_be_written_costs_nothing_but_the_vectors(
    tmp_path: Path,
) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
        for path in tmp_path.iterdir():
            path.write_bytes(b"\x55" * path.stat().st_size)
        await embedded(one, "a", "b")


async def test_vectors_of_another_length_are_not_recalled(tmp_path: Path) -> None:
    fake, clock = Model(), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        await embedded(one, "a")
    async with process(tmp_path, fake, clock) as two:
        two.health.dimensions["default"] = 5
        fake.dimension = 5
        await embedded(two, "a")


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "été", "", "ein Text"]), min_size=1, max_size=6)
EVENTS = st.one_of(TEXTS, st.sampled_from(["restart", "swap and restart", "outage", "swap away"]))


@settings(deadline=None, max_examples=60)
@given(events=st.lists(EVENTS, max_size=12))
async def test_whatever_happens_every_vector_is_the_present_models(
    tmp_path_factory: object, events: list[list[str] | str]
) -> None:
    folder = tmp_path_factory.mktemp("cache")  # pyrefly: ignore
    fake, clock = Model(), FrozenClock()
    pending = [*events, None]
    while pending:
        async with process(folder, fake, clock) as one:
            while pending:
                event = pending.pop(0)
                clock.advance(30)
                if isinstance(event, list):
                    await embedded(one, *event)
                elif event == "outage":
                    fake.outages += 1
                elif event == "swap away":
                    fake.outages += 1
                    fake.turn = (fake.turn + 1) % 3
                    await embedded(one, "something")
                elif event is not None:
                    fake.turn = (fake.turn + (event != "restart")) % 3
                    break


async def test_who_is_away_for_the_plain_sentence_is_told_as_away(tmp_path: Path) -> None:
    fake, clock = Model(outages=1), FrozenClock()
    async with process(tmp_path, fake, clock) as one:
        assert one.recall is not None
        try:
            await one.recall.ticket(lambda: _first(fake))
        except EmbedderUnavailableError:
            return
    raise AssertionError("nobody was told")


async def _first(fake: Model) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = (await fake.embed([CANARY]))[0]
    return vector
