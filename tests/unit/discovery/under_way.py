"""A ledger with work under way, and what the bus and the dataset have of it.

``python -m tests.unit.discovery.under_way FOLDER``, with this file in a clone of an older commit,
writes ``ledger-N.json`` there: how the ledgers in ``tests/data/ledgers`` were made.
"""

import asyncio
import base64
import json
import sqlite3
import sys
import tempfile
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.sqlite_state_store_schema import FILENAME
from services.discovery.domain.dead_letters import Resend
from services.discovery.domain.ledger import Death
from shared.bus.messages.outgoing import Outgoing
from shared.contracts.batches import decode
from tests.unit.discovery.builders import NOW, iteration, log
from tests.unit.discovery.test_moves import World, content, more

LONG = 128
"""So many records and one more are two batches."""


@dataclass
class Recorded(World):
    """Keeps what was delivered, micro-batch by micro-batch."""

    delivered: list[list[bytes]] = field(default_factory=list)

    async def deliver(self, *messages: Outgoing) -> None:
        self.delivered.append([one.body for one in messages])
        await super().deliver(*messages)


async def work(world: Recorded) -> None:
    """Map some sources; then have something of each kind on its way."""
    files = world.repository
    for name in ("done", "grown", "moved", "gone", "replaced"):
        files.put(f"{name}.jsonl", content(name, LONG if name == "replaced" else 2))
    await world.look()
    await world.settle()
    for name in ("dead", "replayed"):
        files.put(f"{name}.jsonl", content(name))
    await world.look()
    for message in world.waiting:
        await _dies(world, message)
    world.waiting.clear()
    files.replace("replaced.jsonl", content("other", LONG))
    await world.look()
    await world.deliver(world.waiting.pop(0))
    files.put("grown.jsonl", files.contents["grown.jsonl"][0] + more("grown"))
    files.rename("moved.jsonl", "here.jsonl")
    files.remove("gone.jsonl")
    files.put("incomplete.jsonl", log(iteration(1, "not yet")))
    await world.look()
    await world.recovery.find()
    await _half(world)


async def _dies(world: Recorded, message: Outgoing) -> None:
    facts = decode(message.body).descriptor
    batch, count = facts.batch_id, facts.records
    death = Death(f"embedding:{batch}", facts.source_id, 1, batch, count)
    await world.store.apply_deaths([death], NOW)
    if facts.filename == "replayed.jsonl":
        again = Resend("default", batch, count, "discovery", f"again-{batch}", message.body)
        await world.store.replay(death, [again], "command")


async def _half(world: Recorded) -> None:
    """Have a source sent of which the bus takes one batch."""
    world.repository.put("half.jsonl", content("half", LONG))
    world.publisher.breaks_after = 2
    looking = asyncio.ensure_future(world.scanning.scan("default", None))
    while len(world.publisher.sent) < world.publisher.breaks_after:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    looking.cancel()
    await asyncio.wait([looking])
    world._take()


def save(world: Recorded, folder: Path) -> str:
    """Spell what is in a ledger that was closed, in the bus, in the dataset and on the disk."""
    with closing(sqlite3.connect(folder / FILENAME)) as db:
        (number,) = db.execute("PRAGMA user_version").fetchone()
        ledger = [*db.iterdump(), f"PRAGMA user_version = {number};"]
    files = {
        name: [_packed(data), time, world.repository.inodes[name]]
        for name, (data, time) in world.repository.contents.items()
    }
    told: dict[str, Any] = {
        "files": files,
        "delivered": [[_packed(one) for one in some] for some in world.delivered],
        "waiting": [_packed(one.body) for one in world.waiting],
        "ledger": ledger,
    }
    return json.dumps(told, indent=1) + "\n"


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


async def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        async with SqliteStateStore.open(Path(name)) as store:
            world = Recorded(store, forgets=True)
            world.start()
            await work(world)
        text = save(world, Path(name))
    number = text.rsplit("user_version = ", 1)[1].split(";")[0]
    (target / f"ledger-{number}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
