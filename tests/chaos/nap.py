"""A collection that a command made, and that rests between its sources, whatever is killed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from shared.bus.registry.channel import Channel
from shared.bus.registry.commands import COMMAND_CREATE
from tests.chaos.facts import texts
from tests.chaos.inputs import held_by
from tests.chaos.world import World

NAME = "nap"
AGAIN = 3
"""It is only left alone long enough to rest if not every call brings a source."""
Send = Callable[[Channel, dict[str, object], str], Awaitable[None]]


@dataclass(slots=True)
class Nap:
    """Sources for it, and what the dataset has of them."""

    world: World
    _calls: int = 0

    @property
    def folder(self) -> Path:
        """Its sources."""
        return self.world.folder / "naps" / NAME

    async def add(self, send: Send) -> None:
        """Have it made, and give it a source now and then."""
        self._calls += 1
        if self._calls % AGAIN != 1:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._calls == 1:
            await send(COMMAND_CREATE, {"sources": [{"path": str(self.folder)}]}, NAME)
        lines = (
            f'{{"type": "iteration", "iteration": {number}, "response": "nap {self._calls} of '
            f'{number}", "final_answer": {"null" if number < 2 else "1"}}}\n'
            for number in range(3)
        )
        part = self.folder / f".{self._calls}.part"
        part.write_text("".join(lines))
        part.replace(self.folder / f"{self._calls}.jsonl")

    async def problems(self, patience_s: float) -> list[str]:
        """Compare the dataset with the files, as soon as it has as many rows."""
        wanted: dict[str, str] = {}
        for file in self.folder.glob("*.jsonl"):
            held = held_by(file, file.name)
            assert held is not None, "each was written whole"
            wanted |= held.texts
        table, found = self.world.output / NAME / "store.lance", list[tuple[str, str]]()
        for _ in range(round(patience_s / 0.5)):
            found = await asyncio.to_thread(texts, table)
            if sorted(found) == sorted(wanted.items()):
                return []
            await asyncio.sleep(0.5)
        return [f"of the {len(wanted)} records of {NAME}, the dataset has {len(found)}"]
