"""A ledger that cannot be used for a moment, whenever that is, is waited for at the start."""

from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext

from services.discovery.adapters.sqlite_group_commit import GroupCommit
from services.discovery.app import Discovery
from services.discovery.settings import Settings
from shared import belonging
from shared.bus.broker import build_bus
from shared.bus.topology import apply_topology
from shared.errors import TransientError
from tests.nats_server import NatsServer

pytestmark = pytest.mark.integration


async def test_a_ledger_that_fails_at_any_step_of_the_start_is_asked_again(
    server: NatsServer, js: JetStreamContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, which does not end a service."""
    monkeypatch.setattr(belonging, "AGAIN_S", 0.01)
    ask: Any = GroupCommit.run
    asked, failing = 0, 0

    async def fail_once(self: GroupCommit, *given: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == failing:
            raise TransientError("the ledger of discovery: database or disk is full")
        return await ask(self, *given, **options)

    monkeypatch.setattr(GroupCommit, "run", fail_once)
    await apply_topology(js, ["default"])
    settings = Settings.load(nats={"url": server.url}, state={"folder": tmp_path})
    while asked >= failing:
        asked, failing = 0, failing + 1
        bus = build_bus(settings.nats, "discovery")
        await bus.connect()
        async with Discovery(settings, bus).open():
            steps = asked
        await bus.close()
        asked = steps
    assert failing > 5
