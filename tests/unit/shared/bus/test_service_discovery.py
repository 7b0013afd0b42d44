"""Requests and their answers, in memory; who finds whom on a server, other tests tell."""

import json
from typing import Any

from faststream.nats import NatsBroker, TestNatsBroker

from shared.bus.service_discovery import build_router

STATUS = {"service": "writing", "state": "running"}


def broker(status: Any = lambda: STATUS) -> NatsBroker:
    router = build_router("writing", "1.2.3", "writes", status)
    return NatsBroker(routers=[router], serializer=None, logger=None)


async def ask(asked: NatsBroker, subject: str) -> dict[str, Any]:
    return json.loads((await asked.request(b"", subject)).body)


async def test_a_service_is_found_by_all_by_its_name_and_by_its_id() -> None:
    async with TestNatsBroker(broker()) as asked:
        found = await ask(asked, "$SRV.PING")
        named = await ask(asked, "$SRV.PING.mapstream-writing")
        single = await ask(asked, f"$SRV.PING.mapstream-writing.{found['id']}")

    assert found == named == single
    assert found == {
        "type": "io.nats.micro.v1.ping_response",
        "id": found["id"],
        "name": "mapstream-writing",
        "version": "1.2.3",
        "metadata": {},
    }


async def test_the_status_is_what_is_answered_and_the_data_of_the_endpoint() -> None:
    async with TestNatsBroker(broker()) as asked:
        (endpoint,) = (await ask(asked, "$SRV.INFO"))["endpoints"]
        answers = [await ask(asked, endpoint["subject"]) for _ in range(2)]
        (told,) = (await ask(asked, "$SRV.STATS"))["endpoints"]

    assert answers == [STATUS] * 2
    assert (told["data"], told["num_requests"], told["num_errors"]) == (STATUS, 2, 0)
    assert told["processing_time"] >= 2 * told["average_processing_time"] > 0
