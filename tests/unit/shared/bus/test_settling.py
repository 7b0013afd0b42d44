"""Signs of life of what is in hand."""

import asyncio
from typing import Any, cast

from shared.bus.consuming.settling import heartbeat


class Raw:
    """A message that counts the signs of life that the server gets of it."""

    def __init__(self, *, is_acked: bool = False) -> None:
        self.is_acked = is_acked
        self.signs = 0

    async def in_progress(self) -> None:
        self.signs += 1


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_server_hears_of_what_is_in_hand_until_that_is_over() -> None:
    raw, acked = Raw(), Raw(is_acked=True)

    async with heartbeat(cast("Any", [raw, acked]), 0):
        await turns()
    heard = raw.signs
    await turns()

    assert heard > 1
    assert (raw.signs, acked.signs) == (heard, 0)
