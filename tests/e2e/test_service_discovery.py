"""Each service is found over NATS service discovery, as `nats micro ls` looks for them."""

import asyncio
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from shared.contracts.status_reading import read_status
from shared.contracts.statuses import STATUSES, Status
from shared.services import ON_BUS
from tests.e2e.local_run import EXAMPLES, PATIENCE_S, live_run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SERVICES = {f"mapstream-{name}" for name in ON_BUS}


async def ask(client: Client, verb: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """Ask until all of these have answered; service to answer."""
    answers: dict[str, dict[str, Any]] = {}
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    async with asyncio.timeout(PATIENCE_S):
        while set(answers) < wanted:
            await client.publish(f"$SRV.{verb}", b"", reply=inbox)
            while True:
                try:
                    message = await subscription.next_msg(0.5)
                except nats.errors.TimeoutError:
                    break
                if message.data:
                    answer = json.loads(message.data)
                    answers[answer["name"]] = answer
    await subscription.unsubscribe()
    return answers


async def test_every_service_answers_ping_info_and_stats(tmp_path: Path) -> None:
    async with live_run(EXAMPLES, tmp_path / "out") as run:
        await run.settled(68)
        await run.http()
        client = await nats.connect(run.url)
        answers = {verb: await ask(client, verb, SERVICES) for verb in ("PING", "INFO", "STATS")}
        one = await client.request("$SRV.PING.mapstream-writing", b"", timeout=PATIENCE_S)
        status = await client.request("mapstream.status.writing", b"", timeout=PATIENCE_S)
        await client.close()

    for verb, found in answers.items():
        assert set(found) == SERVICES
        for answer in found.values():
            assert answer["type"] == f"io.nats.micro.v1.{verb.lower()}_response"
            assert answer["version"] == version("mapstream")
            assert answer["id"] == answers["PING"][answer["name"]]["id"]
    for name, answer in answers["INFO"].items():
        assert answer["description"]
        service = name.removeprefix("mapstream-")
        assert [end["subject"] for end in answer["endpoints"]] == [f"mapstream.status.{service}"]
    for name, answer in answers["STATS"].items():
        (endpoint,) = answer["endpoints"]
        assert endpoint["data"]["service"] == name.removeprefix("mapstream-")
        assert endpoint["data"]["state"] == "running"
        told = read_status(endpoint["data"]["service"], endpoint["data"])
        assert type(told) is STATUSES.get(endpoint["data"]["service"], Status)
        assert not told.model_extra
        assert told.model_dump(mode="json") == endpoint["data"]
        assert re.match(r"\d{4}-\d\d-\d\dT", answer["started"])
    assert json.loads(one.data)["name"] == "mapstream-writing"
    assert json.loads(status.data)["collections"]["default"]["rows"] == 68
