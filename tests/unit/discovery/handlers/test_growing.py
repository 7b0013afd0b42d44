"""Sources that grow, are rewritten, read by other limits and interrupted, in any order."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.batching import Cut
from services.discovery.domain.ledger import Commit
from services.discovery.domain.reading import SourceReader
from services.discovery.domain.segments import Mark
from services.discovery.domain.sources import source_id
from services.discovery.handlers import accounts
from services.discovery.handlers.contents import LIMITS
from services.discovery.handlers.found import SourceToRead
from services.discovery.handlers.read import read_source
from shared.contracts.batches import Batch
from shared.contracts.dead_letters import DeadLetter
from tests.builders import NOW
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import FrozenClock, final, found_in, iteration, log, looked

NAME = "a.jsonl"
ID = source_id("default", NAME)
NARROW, WIDE = 200, 1 << 20
Row = tuple[str, str, int, int]
"""Id, text, line and byte offset of a record."""


def plain(content: bytes, max_line_bytes: int) -> tuple[list[Row], int]:
    """Read a content at once; return its records, and how many parts of it are none."""
    reader = SourceReader(NAME, LIMITS)
    rows, dead = [], 0
    for piece in reader.read(found_in(content, max_line_bytes=max_line_bytes)):
        if isinstance(piece, Cut):
            rows += [(one.id, one.text, one.line, one.byte_offset) for one in piece.records]
        elif piece is not None:
            dead += 1
    return rows, dead


@dataclass
class World:
    """A source, discovery, and a map that keeps what comes, each batch id once."""

    repository: FakeSourceRepository = field(default_factory=FakeSourceRepository)
    store: FakeStateStore = field(default_factory=FakeStateStore)
    sent: dict[str, tuple[int, int, list[Row]]] = field(default_factory=dict)
    """Batch id to version, index and records."""
    told: dict[str, int] = field(default_factory=dict)
    """Key of each letter to its version."""
    waiting: list[Commit] = field(default_factory=list)
    texts: int = 0
    """So many were embedded."""

    async def append(self, data: bytes) -> None:
        before, _ = self.repository.contents.get(NAME, (b"", 0))
        self.repository.put(NAME, before + data)

    async def rewrite(self, data: bytes) -> None:
        self.repository.put(NAME, data)

    async def limit(self, max_line_bytes: int) -> None:
        self.repository.format = agent_run_format(max_line_bytes)

    async def look(self, stop_after: int = 1 << 20) -> bool:
        """Look, and read as many pieces as are allowed; tell whether there was anything."""
        found = await looked(self.repository, self.store)
        for one in found:
            if isinstance(one, SourceToRead):
                await self._read(one, stop_after)
        return any(isinstance(one, SourceToRead) for one in found)

    async def _read(self, source: SourceToRead, stop_after: int) -> None:
        number = 0
        async for piece in read_source(source, self.repository):
            if number == stop_after:
                return
            number += 1
            if isinstance(piece, Mark):
                version = source.source_version
                await accounts.source_read(ID, version, piece, self.store, FrozenClock())
            elif isinstance(piece, DeadLetter):
                self.told[piece.key] = piece.source_version or 0
                await accounts.dead_lettered([piece], self.store, FrozenClock())
            else:
                await accounts.batch_read(piece.descriptor, self.store)
                self._send(piece)

    def _send(self, batch: Batch) -> None:
        facts = batch.descriptor
        rows = batch.rows.select(["id", "text", "line", "byte_offset"]).to_pylist()
        content = [tuple(row.values()) for row in rows]
        sent = (facts.source_version, facts.index, content)
        assert self.sent.setdefault(facts.batch_id, sent) == sent, "one id, two contents"
        self.waiting.append(Commit(facts.batch_id, ID, facts.source_version, len(batch)))
        self.texts += len(batch)

    async def settle(self, most: int = 1 << 20) -> None:
        some, self.waiting = self.waiting[:most], self.waiting[most:]
        await self.store.apply_committed(some, NOW)

    async def repeat_news(self, _: int) -> None:
        """News come again, of whatever version and batch."""
        commits = [Commit(key, ID, one[0], len(one[2])) for key, one in self.sent.items()]
        under_way = {one.batch_id for one in self.waiting}
        await self.store.apply_committed(
            [one for one in commits if one.batch_id not in under_way], NOW
        )

    async def lose(self, _: int) -> None:
        """The bus loses what is on its way, and that is found out."""
        self.waiting.clear()
        await self.store.requeue(ID)

    async def check(self) -> None:
        await self.append(b"\n" + log(final(7, "the end")))
        while await self.look() or self.waiting:
            await self.settle()
        row = self.store.sources[ID]
        assert row.rules is not None
        rows, dead = plain(self.repository.contents[NAME][0], row.rules.max_line_bytes)
        version = row.source_version
        mine = sorted(one[1:] for one in self.sent.values() if one[0] == version)
        assert [one for _, part in mine for one in part] == rows
        assert [index for index, _ in mine] == list(range(len(mine)))
        told = sum(one == version for one in self.told.values())
        assert (row.status, row.seen, row.mapped, row.dead) == (
            "completed", len(rows) + dead, len(rows), dead,
        )  # fmt: skip
        assert told == dead


LINES = st.sampled_from(
    [
        *(iteration(number, text) for number in (1, 2) for text in ("a", "b")),
        iteration(3, "x" * 300),
        b"oops",
        b"",
        b'{"type": "metadata"}',
        b"\0\0\0\0" + iteration(1, "after a hole"),
        b"\xef\xbb\xbf" + iteration(2, "after a mark"),
        iteration(2, "carriage") + b"\r",
    ]
)
ENDS = st.sampled_from([b"", b"{", log(final()), final(), log(final(), b""), log(final()) + b"\0"])
CONTENTS = st.builds(lambda lines, end: log(*lines) + end, st.lists(LINES, max_size=5), ENDS)
Act = Callable[[World], Coroutine[Any, Any, Any]]


def act(name: str, argument: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(name), argument)


SMALL = st.integers(0, 3)
ACTS = st.one_of(
    act("append", CONTENTS),
    act("append", CONTENTS),
    act("rewrite", CONTENTS),
    act("limit", st.sampled_from([NARROW, WIDE])),
    act("look", st.one_of(SMALL, st.just(1 << 20))),
    act("look", st.just(1 << 20)),
    act("settle", st.one_of(SMALL, st.just(1 << 20))),
    act("repeat_news", st.just(0)),
    act("lose", st.just(0)),
)
LONG = ("append", log(iteration(3, "x" * 300), b"oops") + log(final()))
MORE = ("append", log(iteration(3, "y" * 300)) + log(final()))
LOOK, ALL = ("look", 1 << 20), ("settle", 1 << 20)


@given(st.lists(ACTS, max_size=12))
@settings(max_examples=200)
@example([("limit", NARROW), LONG, ("look", 1), ("limit", WIDE)])
@example([("limit", NARROW), LONG, LOOK, ("limit", WIDE), ("lose", 0)])
@example([("append", final()), LOOK, ALL, ("append", log(b"oops", final())), LOOK])
@example([LONG, LOOK, ALL, MORE, LOOK, ("repeat_news", 0), ("lose", 0), ("limit", NARROW), LOOK])
async def test_whatever_happens_what_was_sent_is_what_a_plain_reading_finds(
    acts: Sequence[tuple[str, Any]],
) -> None:
    world = World()
    for name, argument in acts:
        await getattr(world, name)(argument)

    await world.check()


async def test_a_line_that_is_appended_is_the_only_one_that_is_sent() -> None:
    world = World()
    await world.append(log(*(iteration(number) for number in range(5000)), final()))
    await world.look()
    await world.settle()
    before, world.texts = set(world.sent), 0

    await world.append(log(final(9, "one more")))
    await world.look()
    assert world.texts == 1
    assert world.store.sources[ID].source_version == 1
    (added,) = set(world.sent) - before
    assert world.sent[added][1] == len(before)
    await world.settle()
    assert world.store.sources[ID].mapped == 5002
