"""Lines, entries and stats of agent-run logs with one thing changed."""

import json
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.batching import Limits
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.entries import Part
from services.discovery.domain.lines import Line
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.records import Record
from services.discovery.domain.segments import Mark
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.examine import SMALL_BYTES
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.read import read_source
from services.discovery.handlers.scan import scan
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.ports import Ledger, SourceRepository
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.dead_letters import DeadLetter
from shared.record_ids import record_id
from tests.fakes.contents import content_of

RULES = CutRules("reader 1", 1 << 20, Limits(100, 1 << 20))
END = Mark(3, 10, 1)
"""Where the reading of ``stat()`` ends."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FrozenClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def iteration(number: Any = 1, response: Any = "text", **more: Any) -> bytes:
    value = {"type": "iteration", "iteration": number, "response": response} | more
    return json.dumps(value).encode()


def final(number: Any = 9, response: Any = "done") -> bytes:
    return iteration(number, response, final_answer="42")


def log(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def line(data: bytes, number: int = 1, byte_offset: int = 0) -> Line:
    return Line(number, byte_offset, data)


def found_in(
    content: bytes, *, portion_bytes: int = 1 << 20, max_line_bytes: int = 1 << 20
) -> Iterator[Part | None]:
    """Read a content as an agent-run log."""
    return agent_run_format(max_line_bytes).read(content_of(content, portion_bytes))


def pieces_in(content: bytes, limits: Limits, *, version: int = 1, **options: int) -> list[Piece]:
    """Read a content as an agent-run log, into batches; see ``found_in`` for the options."""
    reader = SourceReader("a.jsonl", limits, version=version)
    return [one for one in reader.read(found_in(content, **options)) if one is not None]


def end_of(source: SourceToRead) -> Mark:
    """Return where its reading ends, but for what is counted."""
    return Mark(0, source.stat.size)


async def read_all(source: SourceToRead, repository: SourceRepository) -> list[Batch | DeadLetter]:
    """Read a source; leave out where that ended."""
    async with aclosing(read_source(source, repository)) as pieces:
        return [piece async for piece in pieces if not isinstance(piece, Mark)]


def record(text: str, number: int = 0) -> Record:
    return Record(
        record_id("a", 1, number), None, "a", text, 1, number, "iteration", number + 1, 0
    )


def stat(
    filename: str = "a.jsonl", *, size: int = 10, mtime_ns: int = 1, **more: Any
) -> SourceStat:
    collection = more.get("collection", "default")
    path = more.get("path", f"/root/{filename}")
    facts = {key: more[key] for key in ("ctime_ns", "inode") if key in more}
    return SourceStat(collection, filename, path, size, mtime_ns, **facts)


async def looked(
    repository: SourceRepository,
    store: Ledger,
    *,
    changed: frozenset[str] | None = None,
    locks: SourceLocks | None = None,
    is_first: bool = True,
    clock: Clock | None = None,
    collection: str = "default",
) -> list[Found]:
    """Look once; take what is found and do nothing with it. Small sources come at once, so they
    are put into order here."""
    found: list[Found] = []

    async def take(one: Found) -> None:
        found.append(one)

    options = ScanOptions(collection, changed, is_first=is_first)
    await scan(repository, store, clock or FrozenClock(), take=take, options=options, locks=locks)
    return sorted(found, key=_order)


def _order(found: Found) -> tuple[bool, str]:
    if not isinstance(found, SourceToRead):
        return False, getattr(found, "filename", "")
    is_large = found.stat.size > SMALL_BYTES
    return is_large, "" if is_large else found.stat.filename
