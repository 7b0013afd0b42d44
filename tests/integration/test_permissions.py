"""The bus with the project's own nats.conf: who may say and hear what."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.bus import permissions
from shared.bus.asking import ask_all
from shared.bus.connection import client_options, jetstream
from shared.bus.consumers import declare_consumers, remove_consumers
from shared.bus.emptiness import Held, held_of
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.channel import Channel
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES, WRITING_READS_PROJECTION
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.bus.registry.question import Question
from shared.bus.registry.questions import COLLECTIONS_REMOVE, QUESTIONS
from shared.bus.registry.streams import STREAMS
from shared.bus.registry.users import OWN_API, SERVER_API
from shared.bus.topology import apply_topology, consumer_config
from shared.contracts.collections import CollectionRemoved, RemoveCollection
from shared.errors import TransientError
from shared.services import ON_BUS, SERVICES
from tests.nats_server import ROOT, NatsServer, SecuredNatsServer, nats_server_program
from tests.waiting import PATIENCE_S, ended, until

pytestmark = pytest.mark.integration

COMMANDERS = [*(one.name for one in SERVICES if one.gives_commands), "operator"]
USERS = [*ON_BUS, "operator", "observer", "streams"]
PUBLIC = {"EVENTS", "POINTS"}
DECLARING = "streams"
KEPT = {"COMMANDS", "AUDIT"}
OF_NOBODY = b'{"filter": "of.nobody"}'
READERS_TOGETHER = {"SETTLED": {"projection", "discovery"}}
"""Streams with more than one reader: a wildcard gives each the consumers of all."""
PATH = f"{Path(nats_server_program()).parent}:/usr/bin:/bin"
every_user = pytest.mark.parametrize("user", USERS)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SecuredNatsServer]:
    running = SecuredNatsServer(tmp_path / "nats")
    await running.start()
    streams = await running.client("streams")
    await apply_topology(jetstream(streams, timeout_s=PATIENCE_S), ["default"])
    await streams.close()
    yield running
    await running.stop()


class Trial:
    """A client that notes what the server refuses it."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.client: Client

    async def note(self, error: Exception) -> None:
        self.refusals.append(str(error).lower())

    async def is_refused(self, act: Callable[[], Awaitable[object]], subject: str) -> bool:
        self.refusals.clear()
        await act()
        # nats-py sends the ping of a flush before what is buffered; the second comes after it.
        await self.client.flush(PATIENCE_S)
        await self.client.flush(PATIENCE_S)
        return any("permissions violation" in one and subject in one for one in self.refusals)

    async def may_publish(self, subject: str, body: bytes = b"") -> bool:
        quoted = f'publish to "{subject.lower()}"'
        return not await self.is_refused(lambda: self.client.publish(subject, body), quoted)

    async def may_subscribe(self, subject: str) -> bool:
        quoted = f'subscription to "{subject.lower()}"'
        return not await self.is_refused(lambda: self.client.subscribe(subject), quoted)


@pytest.fixture
async def trial_of(
    server: SecuredNatsServer,
) -> AsyncIterator[Callable[[str], Awaitable[Trial]]]:
    trials: list[Trial] = []

    async def connect(user: str) -> Trial:
        trial = Trial()
        trial.client = await server.client(user, error_cb=trial.note)
        trials.append(trial)
        return trial

    yield connect
    for one in trials:
        await one.client.close()


def should_publish(user: str, channel: Channel) -> bool:
    return channel.is_from(user) or (channel.producer == "anybody" and user in COMMANDERS)


def test_the_users_are_these() -> None:
    assert [one.name for one in permissions.users()] == USERS


@every_user
async def test_a_user_publishes_what_the_table_says_and_nothing_else(
    user: str, trial_of: Callable[[str], Awaitable[Trial]]
) -> None:
    trial = await trial_of(user)

    found = {one.family: await trial.may_publish(one.subject("c")) for one in CHANNELS}

    assert found == {one.family: should_publish(user, one) for one in CHANNELS}


@every_user
async def test_subjects_are_heard_by_those_who_look_on_only(
    user: str, trial_of: Callable[[str], Awaitable[Trial]]
) -> None:
    """Services read with their durable consumers."""
    trial = await trial_of(user)
    hears = {"observer": PUBLIC, "operator": PUBLIC | {"COMMANDS", "DEAD_LETTERS"}}

    found = {one.family: await trial.may_subscribe(one.subject("c")) for one in CHANNELS}

    assert found == {one.family: one.stream in hears.get(user, set()) for one in CHANNELS}
    for subject in (">", "*.*.*", "projection.>", "_INBOX.>", "$JS.>", "$SYS.>"):
        assert not await trial.may_subscribe(subject), subject


@every_user
async def test_nobody_hears_what_another_is_answered(
    user: str, trial_of: Callable[[str], Awaitable[Trial]]
) -> None:
    trial = await trial_of(user)

    assert await trial.may_subscribe(f"_INBOX.{user}.x")
    for other in set(USERS) - {user}:
        assert not await trial.may_subscribe(f"_INBOX.{other}.x")
        assert not await trial.may_publish(f"_INBOX.{other}.x")


@pytest.mark.parametrize("user", [*ON_BUS, "operator", "observer"])
@pytest.mark.parametrize("collection", ["default", "made-while-all-runs"])
async def test_the_consumers_of_every_collection_are_their_services_alone(
    collection: str, user: str, trial_of: Callable[[str], Awaitable[Trial]]
) -> None:
    trial = await trial_of(user)

    for durable in DURABLES:
        one = f"{durable.stream}.{durable.name(collection)}"
        is_mine = user in READERS_TOGETHER.get(durable.stream, {durable.service})
        assert await trial.may_publish(f"{OWN_API}.CONSUMER.MSG.NEXT.{one}", b"bad") == is_mine
        assert await trial.may_publish(f"$JS.ACK.{one}.1.1.1.1.0") == is_mine
        makes = user == "discovery" and durable.is_per_collection
        for verb in ("DURABLE.CREATE", "DELETE"):
            subject = f"{OWN_API}.CONSUMER.{verb}.{durable.stream}.other"
            assert await trial.may_publish(subject, b"bad") == makes, (verb, one)
            assert not await trial.may_publish(f"{SERVER_API}.CONSUMER.{verb}.{one}"), (verb, one)
        for api in (OWN_API, SERVER_API):
            for verb in ("CREATE", "PAUSE", "RESET"):
                assert not await trial.may_publish(f"{api}.CONSUMER.{verb}.{one}"), (verb, one)
            assert not await trial.may_publish(f"{api}.CONSUMER.CREATE.{one}.x")


async def test_discovery_makes_the_consumers_of_a_collection_which_its_services_read(
    server: SecuredNatsServer,
) -> None:
    """While all runs: what the server lets them do is written down for none by name."""
    discovery = await server.client("discovery")
    makes = jetstream(discovery, timeout_s=PATIENCE_S)
    mine = [one for one in DURABLES if one.is_per_collection]
    for durable in mine:
        await makes.add_consumer(durable.stream, consumer_config(durable, "new"))
    for durable in mine:
        for channel in durable.channels:
            says = await server.client(channel.producer)
            saying = jetstream(says, timeout_s=PATIENCE_S)
            await saying.publish(channel.subject("new"), channel.family.encode())
            await says.close()

    for durable in mine:
        reads = await server.client(durable.service)
        reading = jetstream(reads, timeout_s=PATIENCE_S)
        pulling = await reading.pull_subscribe_bind(durable.name("new"), durable.stream)
        (message,) = await pulling.fetch(1, timeout=PATIENCE_S)
        await message.ack_sync(PATIENCE_S)
        assert message.data.decode() in {one.family for one in durable.channels}
        info = await reading.consumer_info(durable.stream, durable.name("new"))
        assert info.ack_floor
        assert info.ack_floor.stream_seq
        await reads.close()

    for durable in mine:
        assert await makes.delete_consumer(durable.stream, durable.name("new"))
    await discovery.close()


@every_user
async def test_nobody_deletes_streams_or_what_they_hold(
    user: str, trial_of: Callable[[str], Awaitable[Trial]]
) -> None:
    trial = await trial_of(user)

    for stream in STREAMS:
        for verb in ("DELETE", "PURGE", "RESTORE", "MSG.DELETE"):
            is_drop = (user, stream.name, verb) == ("discovery", "DEAD_LETTERS", "MSG.DELETE")
            # Of collections that are deleted; never what was asked for, and by whom.
            is_deletion = (user, verb) == ("discovery", "PURGE") and stream.name not in KEPT
            may = await trial.may_publish(f"{OWN_API}.STREAM.{verb}.{stream.name}", OF_NOBODY)
            assert may == (is_drop or is_deletion)
            # The server restores no stream that is there.
            is_import = (user, verb) == (DECLARING, "RESTORE")
            may = await trial.may_publish(f"{SERVER_API}.STREAM.{verb}.{stream.name}")
            is_clearing = (user, verb) == (DECLARING, "PURGE") and not stream.is_kept
            assert may == (is_import or is_clearing)
        for verb in ("CREATE", "UPDATE"):
            subject = f"{SERVER_API}.STREAM.{verb}.{stream.name}"
            assert await trial.may_publish(subject, b"bad") == (user == DECLARING)
            assert not await trial.may_publish(f"{OWN_API}.STREAM.{verb}.{stream.name}")
    assert not await trial.may_publish("$JS.API.STREAM.CREATE.OTHER")


async def test_discovery_sees_what_is_left_of_a_collection_and_takes_its_consumers_away(
    server: SecuredNatsServer,
) -> None:
    js = jetstream(await server.client("discovery"), timeout_s=PATIENCE_S)
    await declare_consumers(await server.client("discovery"), ["nap"])
    await js.publish(DISCOVERY_BATCH.subject("nap"), b"x", stream="DISCOVERY")

    held = await held_of(js, "nap")
    assert held.messages == 2  # in its stream, and before its consumer
    assert held.readers == set()
    assert len(held.places) == len([one for one in DURABLES if one.is_per_collection])
    last = jetstream(await server.client("writing"), timeout_s=PATIENCE_S)
    durable = WRITING_READS_PROJECTION
    reading = await last.pull_subscribe_bind(durable.name("nap"), durable.stream)
    asking = asyncio.ensure_future(reading.fetch(1, timeout=PATIENCE_S))
    await until(partial(is_told_at_once, js, "nap"))
    await ended(asking)
    await remove_consumers(js, "nap")
    assert (await held_of(js, "nap")).places == ()


async def is_told_at_once(js: JetStreamContext, collection: str) -> bool:
    """Tell whether nothing else is asked, since the last service reads."""
    return await held_of(js, collection) == Held(0, frozenset({"writing"}), ())


async def test_the_observer_gets_the_newest_model_and_hears_the_next(
    server: SecuredNatsServer,
) -> None:
    observer, projection = await server.client("observer"), await server.client("projection")
    saying = projection.jetstream(timeout=PATIENCE_S)
    subject = PROJECTION_UPDATED.subject("default")
    await saying.publish(subject, b"first", stream="EVENTS")

    heard = await observer.subscribe(subject)
    newest = await jetstream(observer, timeout_s=PATIENCE_S).get_last_msg("EVENTS", subject)
    await observer.flush(PATIENCE_S)
    await saying.publish(subject, b"second", stream="EVENTS")

    assert newest.data == b"first"
    assert (await heard.next_msg(PATIENCE_S)).data == b"second"
    await observer.close()
    await projection.close()


async def test_the_observer_makes_no_consumers(
    trial_of: Callable[[str], Awaitable[Trial]],
) -> None:
    """The unnamed form takes a name in its body, and with it changes another's consumer."""
    trial = await trial_of("observer")
    config = {"name": "of-somebody-else", "filter_subject": "source.failed.x"}
    body = json.dumps({"stream_name": "EVENTS", "config": config}).encode()

    for api in (OWN_API, SERVER_API):
        assert not await trial.may_publish(f"{api}.CONSUMER.CREATE.EVENTS", body)
        assert not await trial.may_publish(f"{api}.CONSUMER.CREATE.EVENTS.mine", body)
        assert not await trial.may_publish(f"{api}.CONSUMER.CREATE.POINTS.mine.map.points.x", body)


FORGING: dict[str, dict[str, Any]] = {
    "republish": {"republish": {"src": ">", "dest": "embedding.batch.forged"}},
    "sources": {"sources": [{"name": "DEAD_LETTERS"}]},
    "mirror": {"mirror": {"name": "DEAD_LETTERS"}},
    "subject_transform": {"subject_transform": {"src": ">", "dest": "embedding.batch.forged"}},
}


@pytest.mark.parametrize("user", [*ON_BUS, "operator", "observer"])
async def test_nobody_but_who_declares_has_a_stream_or_a_consumer_forge(
    user: str, server: SecuredNatsServer, trial_of: Callable[[str], Awaitable[Trial]]
) -> None:
    """A stream may republish, and a consumer deliver, to a subject that its maker may not say."""
    streams = await server.client(DECLARING)
    js = jetstream(streams, timeout_s=PATIENCE_S)
    before = (await js.stream_info("EVENTS")).config
    trial = await trial_of(user)

    for api in (OWN_API, SERVER_API):
        for change in FORGING.values():
            body = json.dumps(before.as_dict() | change).encode()
            await trial.client.publish(f"{api}.STREAM.UPDATE.EVENTS", body)
        config = {"name": "f", "deliver_subject": "embedding.batch.forged", "ack_policy": "none"}
        body = json.dumps({"stream_name": "EVENTS", "config": config}).encode()
        await trial.client.publish(f"{api}.CONSUMER.CREATE.EVENTS.f", body)
    await trial.client.flush(PATIENCE_S)

    assert (await js.stream_info("EVENTS")).config == before
    assert "f" not in [one.name for one in await js.consumers_info("EVENTS")]
    await streams.close()


async def test_the_streams_of_before_are_in_the_account_of_now(tmp_path: Path) -> None:
    """Until users had accounts of their own, the streams were in the server's only one."""
    before = await NatsServer(tmp_path / "nats").start()
    client = await nats.connect(before.url)
    js = client.jetstream(timeout=PATIENCE_S)
    await apply_topology(js, ["default"])
    subject = PROJECTION_UPDATED.subject("default")
    await js.publish(subject, b"kept")
    consumers = [(await js.stream_info(one.name)).state.consumer_count for one in STREAMS]
    await client.close()
    await before.stop()

    for _ in range(2):  # the second time there is nothing to do
        done = await asyncio.create_subprocess_exec(
            "sh", str(ROOT / "deploy/nats/start.sh"), "--version",
            env={"NATS_STORE": str(tmp_path / "nats/store"), "PATH": PATH},
        )  # fmt: skip
        assert await done.wait() == 0
    after = SecuredNatsServer(tmp_path / "nats")
    await after.start()
    client = await after.client("streams")
    js = jetstream(client, timeout_s=PATIENCE_S)
    await apply_topology(js, ["default"])

    assert (await js.get_last_msg("EVENTS", subject)).data == b"kept"
    now = [(await js.stream_info(one.name)).state.consumer_count for one in STREAMS]
    assert now == consumers
    await client.close()
    await after.stop()


# pragma: allowlist nextline secret
@pytest.mark.parametrize("login", [{}, {"user": "operator", "password": "guess"},
                                   {"user": "nobody", "password": ""}])  # fmt: skip
async def test_strangers_are_refused(server: SecuredNatsServer, login: dict[str, str]) -> None:
    client = Client()

    with pytest.raises(NatsError, match=r"(?i)authorization violation"):
        await client.connect(server.url, **login, allow_reconnect=False, max_reconnect_attempts=1)

    client._transport.close()  # nats-py leaves it open
    with suppress(ConnectionError):  # the server may have closed it first
        await client._transport.wait_closed()


async def test_a_name_in_the_address_is_enough(server: SecuredNatsServer) -> None:
    section = server.section("operator")
    assert section.password
    secret = section.password.get_secret_value()
    url = section.url.replace("nats://", f"nats://operator:{secret}@")
    client = await nats.connect(
        **client_options(section.model_copy(update={"url": url, "user": None, "password": None}))
    )

    js = jetstream(client, timeout_s=PATIENCE_S)
    assert (await js.stream_info("EVENTS")).config.name == "EVENTS"
    await client.close()


async def test_who_looks_on_leaves_connections_for_the_services(server: SecuredNatsServer) -> None:
    many = [await server.client("observer") for _ in range(permissions.CONNECTIONS_OF_OTHERS)]
    login = {"user": "observer", "pass": server.passwords["observer"]}
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(f"CONNECT {json.dumps(login)}\r\nPING\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    assert b"maximum account active connections" in answer

    for service in ("gateway", "writing"):
        await (await server.client(service, allow_reconnect=False)).close()
    for one in many:
        await one.close()


async def test_services_still_answer_the_operator(server: SecuredNatsServer) -> None:
    """A service may answer whoever asks it, once for each question."""
    service = await server.client("writing")

    async def answer(message: Msg) -> None:
        await message.respond(b"well")

    await service.subscribe("mapstream.status.writing", cb=answer)
    await service.flush()
    operator = await server.client("operator")

    answered = await operator.request("mapstream.status.writing", b"", PATIENCE_S)
    assert answered.data == b"well"

    await operator.close()
    await service.close()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)
async def test_a_question_is_asked_by_those_in_its_row_and_answered_by_its_service(
    question: Question[Any, Any],
    server: SecuredNatsServer,
    trial_of: Callable[[str], Awaitable[Trial]],
) -> None:
    service = await server.client(question.service)

    async def answer(message: Msg) -> None:
        await message.respond(b"this")

    await service.subscribe(question.subject, cb=answer)
    await service.flush(PATIENCE_S)
    for user in set(USERS) - {question.service}:
        trial = await trial_of(user)
        assert not await trial.may_subscribe(question.subject)
        where = question.subject_of("default") if question.is_per_collection else question.subject
        if user in question.asked_by:
            assert (await trial.client.request(where, b"", PATIENCE_S)).data == b"this"
        else:
            assert not await trial.may_publish(where)
    await service.close()


async def test_every_process_that_is_asked_to_remove_a_collection_is_heard(
    server: SecuredNatsServer,
) -> None:
    """An account gives one answer to a question, unless it says that there are more."""
    discovery, writing = await server.client("discovery"), COLLECTIONS_REMOVE["writing"]
    asked = RemoveCollection(id="this", name="gone")
    with pytest.raises(TransientError):
        await ask_all(discovery, writing, asked, wait_s=2.0)
    processes = [await server.client("writing") for _ in range(2)]
    for number, one in enumerate(processes):
        told = CollectionRemoved(id="this", is_gone=bool(number)).model_dump_json().encode()

        async def answer(message: Msg, told: bytes = told) -> None:
            await message.respond(told)

        await one.subscribe(writing.subject, cb=answer)
        await one.flush(PATIENCE_S)

    async def both() -> list[CollectionRemoved]:
        """Ask until both are heard: nats-py may send a subscription after the ping of a flush."""
        told = await ask_all(discovery, writing, asked, wait_s=PATIENCE_S)
        return told if len(told) > 1 else []

    answers = await until(both)
    assert sorted(one.is_gone for one in answers) == [False, True]
    for one in (discovery, *processes):
        await one.close()
