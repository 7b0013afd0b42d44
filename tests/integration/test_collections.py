"""Collections are recorded by discovery, told of and listed, over the real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.cli.commands.collections import show, show_list
from services.cli.commands.command import change
from services.cli.settings import BusOptions, CliSettings
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.app import DURABLES, Discovery
from services.discovery.handlers.collections import Collections
from services.discovery.settings import Settings
from services.gateway.routes.collections import build_collection_router
from shared.bus.asking import REFUSAL, ask
from shared.bus.broker import build_bus
from shared.bus.reading.collections import CollectionBook
from shared.bus.registry.questions import COLLECTIONS_LIST
from shared.bus.topology import apply_topology
from shared.clock import SystemClock
from shared.contracts.collections import (
    MOST_COLLECTIONS,
    CollectionChanged,
    CollectionPage,
    ListCollections,
)
from shared.contracts.commands import Rename
from shared.errors import ConfigurationError, TransientError
from tests.assigned import at_work
from tests.nats_server import NatsServer
from tests.unit.gateway.in_process import client as http_client
from tests.unit.gateway.in_process import guarded
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

Run = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may ask for colours, or have a narrow window."""
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    connected = await nats.connect(server.url)
    yield connected
    await connected.close()


@pytest.fixture
def run(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> Run:
    """Starts discovery again and again on the same state, for these collections."""

    @asynccontextmanager
    async def start(*names: str) -> AsyncIterator[None]:
        await apply_topology(js, names)
        settings = Settings.load(
            nats={"url": server.url}, state={"folder": tmp_path / "state"}, collections=names
        )
        bus = build_bus(settings.nats, "discovery")
        await bus.connect()
        async with at_work(bus, DURABLES, Discovery(settings, bus).open(), collections=names):
            yield
        await bus.close()

    return start


async def listed(client: Client, **asked: object) -> CollectionPage:
    question = ListCollections.model_validate(asked)
    return await ask(client, COLLECTIONS_LIST, question, wait_s=PATIENCE_S)


async def events(js: JetStreamContext) -> list[CollectionChanged]:
    state = (await js.stream_info("EVENTS")).state
    numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    found = [await js.get_msg("EVENTS", number) for number in numbers]
    return [
        CollectionChanged.model_validate_json(one.data or b"")
        for one in found
        if (one.subject or "").startswith("collection.changed.")
    ]


async def test_those_of_the_configuration_are_told_and_listed_and_keep_their_ids(
    js: JetStreamContext, client: Client, run: Run
) -> None:
    async with run("b", "a"):
        first = await listed(client)
    async with run("a", "c"):
        second = await listed(client)
        only = await listed(client, name="c")
        page = await listed(client, after="a", limit=1)
        told = await until(lambda: events(js))

    assert [one.name for one in first.items] == ["a", "b"]
    assert [one.name for one in second.items] == ["a", "b", "c"]
    assert second.items[:2] == first.items
    assert only.items == second.items[2:]
    assert (page.items, page.next_after) == (second.items[1:2], "b")
    assert [one.record for one in told] == [*second.items]
    assert [one.collection for one in told] == ["a", "b", "c"]


async def test_an_empty_question_is_one_without_fields_and_a_wrong_one_is_refused(
    client: Client, run: Run
) -> None:
    async with run("default"):
        plain = await client.request(COLLECTIONS_LIST.subject, b"", timeout=PATIENCE_S)
        for body in (b'{"limit": 0}', b'{"nam": "x"}', b"{", b"[]", b"\xff"):
            refused = await client.request(COLLECTIONS_LIST.subject, body, timeout=PATIENCE_S)
            assert (refused.headers or {})[REFUSAL], body
            assert refused.data == b""
        with pytest.raises(TransientError, match=r"discovery refuses collections\.list: limit: "):
            await ask(client, COLLECTIONS_LIST, ListCollections.model_construct(limit=0))

    assert [one["name"] for one in json.loads(plain.data)["items"]] == ["default"]


async def test_nobody_answers_while_discovery_is_away(client: Client) -> None:
    with pytest.raises(TransientError, match="discovery does not answer: is it running"):
        await ask(client, COLLECTIONS_LIST, ListCollections())


async def test_an_answer_of_another_shape_is_named(client: Client) -> None:
    subscription = await client.subscribe(COLLECTIONS_LIST.subject)
    asking = asyncio.ensure_future(
        ask(client, COLLECTIONS_LIST, ListCollections(), wait_s=PATIENCE_S)
    )
    question = await subscription.next_msg(PATIENCE_S)
    await question.respond(b'{"items": 7}')

    with pytest.raises(TransientError, match="cannot be read"):
        await asking


async def test_more_than_one_answer_holds_are_listed_by_several(
    client: Client, run: Run, tmp_path: Path
) -> None:
    names = [f"c{number:04}" for number in range(MOST_COLLECTIONS + 1)]
    async with SqliteStateStore.open(tmp_path / "state" / "discovery") as store:
        await Collections(store, SystemClock()).record(names)
    async with run("default"):
        found = await CollectionBook(client).all()

    assert [one.name for one in found] == [*names, "default"]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Discovery, in the same process here, may have logged before it."""
    return capsys.readouterr().out.splitlines()[-1]


async def test_the_terminal_lists_and_shows_them(
    server: NatsServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def options(*, is_json: bool) -> BusOptions:
        return BusOptions(url=server.url, output=None, is_json=is_json)

    async with run("a", "b"):
        await show_list(options(is_json=True), CliSettings())
        told = json.loads(last_line(capsys))["collections"]
        await show("b", options(is_json=True), CliSettings())
        one = json.loads(last_line(capsys))
        await show_list(options(is_json=False), CliSettings())
        plain_list = capsys.readouterr().out
        await show("b", options(is_json=False), CliSettings())
        plain = capsys.readouterr().out
        with pytest.raises(TransientError, match="there is no collection 'c'"):
            await show("c", options(is_json=True), CliSettings())
        with pytest.raises(ConfigurationError, match="cannot name a collection"):
            await show("C", options(is_json=True), CliSettings())

    assert [record["name"] for record in told] == ["a", "b"]
    assert one == told[1]
    assert one["id"] in plain
    assert one["id"] not in plain_list
    assert "configuration" in plain_list
    with pytest.raises(TransientError, match="discovery does not answer"):
        await show_list(options(is_json=True), CliSettings())


async def test_they_are_told_over_http(client: Client, run: Run) -> None:
    app = guarded(build_collection_router(CollectionBook(client)))
    async with http_client(app) as http:
        async with run("a", "b"):
            page = (await http.get("/api/collections", params={"limit": 1})).json()
            one = (await http.get("/api/collections/b")).json()
        away = await http.get("/api/collections")

    assert ([record["name"] for record in page["items"]], page["next_after"]) == (["a"], "a")
    assert (one["name"], one["revision"]) == ("b", 1)
    assert away.status_code == 503


async def test_a_collection_is_renamed_from_the_terminal_and_stays_so(
    server: NatsServer, js: JetStreamContext, client: Client, run: Run
) -> None:
    options = BusOptions(url=server.url, output=None, collection="a", is_json=True)
    async with run("a", "b"):
        (before, other) = await CollectionBook(client).all()
        for wish in (Rename(title="Läufe"), Rename(description="what"), Rename(title="Läufe")):
            assert await change(wish, options, CliSettings(), timeout_s=PATIENCE_S) == 0
    async with run("a", "b"):
        after = await CollectionBook(client).all()
        told = await events(js)

    wanted = before.model_copy(update={"title": "Läufe", "description": "what", "revision": 3})
    assert after == [wanted, other]
    revisions = [one.record.revision for one in told if one.collection == "a"]
    assert revisions == [1, 2, 3, 3]  # the third command is answered, too
    assert len({one.id for one in told}) == len(told)
