"""Every request that a user may write, with every reply subject that it may not: nothing arrives.

The server checks what a client publishes to, not where it wants its answer. So this asks
everything as everybody, and looks from outside what came of it.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.bus import permissions
from shared.bus.connection import jetstream
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES, Durable
from shared.bus.registry.streams import STREAMS
from shared.bus.registry.users import APART, OWN_API, SERVER_API, STREAMS_USER, signed
from shared.bus.topology import apply_topology
from tests.nats_server import SecuredNatsServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration

MINE = "c"
"""The collection of what is published here; nobody serves it."""
LONG_S = 3600.0
BODIES: dict[str, Any] = {
    "STREAM.MSG.GET": {"seq": 1},
    "DIRECT.GET": {"seq": 1, "batch": 2},
    "CONSUMER.MSG.NEXT": {"batch": 1, "no_wait": True},
}
VERBS = (
    *("INFO", "STREAM.NAMES", "STREAM.LIST", "ACCOUNT.PURGE.X", "META.LEADER.STEPDOWN"),
    *(f"STREAM.{verb}.{{stream}}" for verb in (
        "CREATE", "UPDATE", "INFO", "DELETE", "PURGE", "MSG.GET", "MSG.DELETE", "SNAPSHOT",
        "RESTORE", "PEER.REMOVE", "LEADER.STEPDOWN")),
    *("DIRECT.GET.{stream}", "CONSUMER.NAMES.{stream}", "CONSUMER.LIST.{stream}"),
    *(f"CONSUMER.{verb}.{{durable}}" for verb in (
        "CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT", "PAUSE", "RESET", "UNPIN",
        "LEADER.STEPDOWN")),
)  # fmt: skip


@dataclass
class Outside:
    """What the streams hold and what the consumers have settled, by the one who declares them."""

    client: Client
    held: dict[str, Msg]
    """By durable: a message that its service has in hand."""

    @property
    def js(self) -> JetStreamContext:
        return jetstream(self.client, timeout_s=PATIENCE_S)

    async def subjects(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for stream in STREAMS:
            info = await self.js.stream_info(stream.name, subjects_filter=">")
            found |= info.state.subjects or {}
        return found

    async def settled(self) -> dict[str, Any]:
        found = {}
        for durable in DURABLES:
            info = await self.js.consumer_info(durable.stream, durable.name("default"))
            found[durable.name("default")] = (info.num_ack_pending, info.ack_floor, info.config)
        return found

    async def configs(self) -> list[Any]:
        return [(await self.js.stream_info(one.name)).config for one in STREAMS]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SecuredNatsServer]:
    running = SecuredNatsServer(tmp_path / "nats")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def outside(server: SecuredNatsServer) -> AsyncIterator[Outside]:
    """Every stream holds something, and every service has a message of each consumer in hand."""
    client = await server.client(STREAMS_USER)
    found = Outside(client, {})
    await apply_topology(found.js, ["default"], ack_wait_s=LONG_S)
    clients = {name: await server.client(name) for name in APART}
    for channel in CHANNELS:
        speaker = "operator" if channel.producer == "anybody" else channel.producer
        for _ in range(2):
            await (
                clients[speaker]
                .jetstream(timeout=PATIENCE_S)
                .publish(channel.subject("default"), b"+TERM")
            )
    for durable in DURABLES:
        found.held[durable.name("default")] = await in_hand(clients[durable.service], durable)
    yield found
    for one in (client, *clients.values()):
        await one.close()


async def in_hand(client: Client, durable: Durable) -> Msg:
    name = durable.name("default")
    js = jetstream(client, timeout_s=PATIENCE_S)
    pulling = await js.pull_subscribe_bind(durable=name, stream=durable.stream)
    (message,) = await pulling.fetch(1, timeout=PATIENCE_S)
    return message


def reads(user: str, durable: Durable) -> bool:
    """Tell whether a user reads a durable consumer, or could do so as a reader of its stream."""
    readers = {one.service for one in DURABLES if one.stream == durable.stream}
    return user in (readers if durable.is_per_collection else {durable.service})


def requests(asking: str) -> Iterator[tuple[str, bytes]]:
    """All that anybody may publish to, and all of JetStream's interface.

    But for what discovery removes in earnest: it asks for what there is not.
    """
    places = [
        verb.format(stream=stream.name, durable=f"{stream.name}.{name}")
        for verb in VERBS
        for stream in STREAMS
        for name in [one.name("default") for one in DURABLES if one.stream == stream.name] or [""]
    ]
    for place in dict.fromkeys(places):
        bodies = [body for verb, body in BODIES.items() if place.startswith(verb)] or [{}]
        for api in (SERVER_API, OWN_API):
            deletes = asking == "discovery" and place.startswith("CONSUMER.DELETE.")
            purges = asking == "discovery" and place.startswith("STREAM.PURGE.")
            body = {"filter": "of.nobody"} if purges else bodies[0]
            yield f"{api}.{place}{'-none' if deletes else ''}", json.dumps(body).encode()
    for user in permissions.users():
        for subject in user.publishes:
            if ".API." not in subject.upper():
                yield filled(subject), b"{}"


def filled(subject: str) -> str:
    return subject.replace("*", MINE).replace(">", MINE)


def may_publish(user: str, channel: Any) -> bool:
    return channel.is_from(user) or (
        channel.producer == "anybody" and user in {"gateway", "operator"}
    )


def protected(user: str, outside: Outside) -> Iterator[str]:
    """All subjects that something would come of, and that this user may not publish to."""
    for channel in CHANNELS:
        if not may_publish(user, channel):
            yield channel.subject(MINE)
        if channel.producer == "anybody":
            for other in {"gateway", "operator"} - {user}:
                yield signed(other, channel.subject(MINE))
    for durable in DURABLES:
        if not reads(user, durable):
            yield outside.held[durable.name("default")].reply
    for other in set(APART) - {user}:
        yield f"_INBOX.{other}.{MINE}"
        yield f"mapstream.status.{other}"
    yield from ("$SRV.STATS", "$SRV.PING.mapstream-writing", "_R_.x.y")


@pytest.mark.parametrize("user", APART)
async def test_nothing_arrives_where_a_user_may_not_publish(
    user: str, server: SecuredNatsServer, outside: Outside
) -> None:
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        heard.append(f"{message.subject} {message.data[:80]!r}")

    others = [await server.client(one) for one in {*APART, STREAMS_USER} - {user}]
    for one in others:
        (listener,) = [
            x for x in permissions.users() if one.new_inbox().startswith(f"_INBOX.{x.name}.")
        ]
        inboxes = f"_INBOX.{listener.name}.{MINE}"
        for subject in (inboxes, *listener.answers):
            await one.subscribe(subject, cb=hear)
        await one.flush(PATIENCE_S)
    before, settled, configs = (
        await outside.subjects(), await outside.settled(), await outside.configs(),
    )  # fmt: skip

    me = await server.client(user, error_cb=nothing)
    for place, body in requests(user):
        for reply in protected(user, outside):
            await me.publish(place, body, reply=reply)
        await answered(me, user)
    for one in others:
        await one.flush(PATIENCE_S)

    mine = {one.subject(MINE) for one in CHANNELS if may_publish(user, one)}
    mine |= {signed(user, one) for one in mine}
    after = await outside.subjects()
    arrived = {one for one in after if after[one] != before.get(one, 0)} - mine
    assert not {one for one in arrived if one.endswith(f".{MINE}")}
    assert await outside.configs() == configs
    now = await outside.settled()
    of_others = [one.name("default") for one in DURABLES if not reads(user, one)]
    assert {name: now[name] for name in of_others} == {name: settled[name] for name in of_others}
    asks = next(one for one in permissions.users() if one.name == user).asks
    asked = {filled(one) for one in asks.values()}
    assert not [one for one in heard if one.split()[0] not in asked]
    for one in (me, *others):
        await one.close()


async def answered(me: Client, user: str) -> None:
    """Wait for an answer of JetStream: what was asked before has had its own by then.

    Who may ask it nothing waits until the server has refused all.
    """
    (known,) = [one for one in permissions.users() if one.name == user]
    if not known.api:
        await me.flush(PATIENCE_S)
        return
    verb = next(
        one for one in known.api if one.endswith(("INFO", "INFO.EVENTS")) or ".INFO." in one
    )
    await me.request(f"{OWN_API}.{verb}", b"", timeout=PATIENCE_S)


async def nothing(_: Exception) -> None:
    """Be told by the server what it refuses."""


OPEN = """
authorization: { users: [
  { user: "streams", password: $NATS_STREAMS_PASSWORD }
  { user: "observer", password: $NATS_OBSERVER_PASSWORD
    permissions: { publish: ["$JS.API.STREAM.INFO.EVENTS"], subscribe: ["_INBOX.observer.>"] } }
] }
"""


async def test_the_same_look_from_outside_sees_the_hole_of_users_without_accounts(
    tmp_path: Path,
) -> None:
    """So that the trial above cannot pass because it sees nothing."""
    server = SecuredNatsServer(tmp_path / "nats", users=OPEN)
    await server.start()
    client = await server.client(STREAMS_USER)
    outside = Outside(client, {})
    await apply_topology(outside.js, ["default"])
    observer = await server.client("observer")

    await observer.publish("$JS.API.STREAM.INFO.EVENTS", b"", reply="command.rollback.c")
    await observer.flush(PATIENCE_S)

    assert (await outside.subjects()).get("command.rollback.c") == 1
    for one in (observer, client):
        await one.close()
    await server.stop()
