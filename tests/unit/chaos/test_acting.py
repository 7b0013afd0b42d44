"""When the events of a pair come."""

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.chaos.acting import Actor
from tests.chaos.pairs import Pair
from tests.chaos.subjects import Subject, Subjects

if TYPE_CHECKING:
    from tests.chaos.world import World


class Bus:
    """Stands in for a world: its embedding server is asked, its bus is given commands."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.client = self

    async def ask_proxy(self, path: str, _name: str) -> bool:
        self.happened.append(path)
        return len(self.happened) > 2

    def jetstream(self, **_options: object) -> "Bus":
        return self

    async def publish(self, subject: str, _body: bytes, **_options: object) -> None:
        self.happened.append(subject)


async def is_unsettled(_subject: Subject) -> bool:
    return True


def actor_of(kind: type[Actor], bus: Bus, folder: Path) -> Actor:
    dice = random.Random(1)  # noqa: S311  no secret
    return kind(cast("World", bus), Subjects({"default": folder}, 1), dice, is_unsettled)


async def test_what_is_forgotten_second_is_embedded_before_the_first_event(tmp_path: Path) -> None:
    bus = Bus()
    actor = actor_of(Actor, bus, tmp_path)

    await actor.run(Pair("refit", "forget", 0.0))

    commands = [one for one in bus.happened if one != "/asked"]
    assert commands == ["command.refit.default", "command.forget.default"]
    assert bus.happened[:3] == ["/asked"] * 3
    assert actor.matrix.done["refit", "forget"] == 1


class Losing(Actor):
    """Loses nothing, and says when it would."""

    async def _stream_lost(self, _subject: Subject, begun: asyncio.Event) -> None:
        self.did.append("begun")
        begun.set()
        await asyncio.sleep(0.01)
        self.did.append("over")


async def test_a_loss_follows_another_when_that_is_over(tmp_path: Path) -> None:
    actor = actor_of(Losing, Bus(), tmp_path)

    await actor.run(Pair("stream-lost", "stream-lost", 0.0))

    assert [one for one in actor.did if "stream" not in one] == ["begun", "over"] * 2
