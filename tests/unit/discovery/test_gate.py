"""What discovery publishes, and for whom it has a collection busy meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from services.discovery.subscribers.gate import pass_gate
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.channel import Channel
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.streams import BY_NAME

if TYPE_CHECKING:
    from services.discovery.handlers.busy import BusyCollections


class Noted:
    def __init__(self) -> None:
        self.used: list[str] = []

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[None]:
        self.used.append(name)
        yield


FROM_DISCOVERY = [one for one in CHANNELS if one.is_from("discovery")]


@pytest.mark.parametrize("channel", FROM_DISCOVERY, ids=lambda one: one.family)
async def test_nothing_is_published_to_a_stream_that_loses_what_nobody_reads(
    channel: Channel,
) -> None:
    noted = Noted()
    message = Outgoing(channel, "a", "1", b"")

    async with pass_gate(cast("BusyCollections", noted), message):
        pass

    is_read_by_all = BY_NAME[channel.stream].is_kept and not channel.is_dead_letter
    assert noted.used == ([] if is_read_by_all else ["a"])
