"""The gateway over real HTTP, in front of a real nats-server, with a stand-in for the stages."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import nats
import pyarrow as pa
import pytest
from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from pydantic import SecretStr

from services.discovery.handlers.collections import Collections
from services.gateway.app import Gateway
from services.gateway.entrance import build_keyring
from services.gateway.settings import GatewaySection, OutputView, Settings, TokenEntry
from shared.assignments import Worker
from shared.bus.answering import answer
from shared.bus.broker import build_bus
from shared.bus.messages.outgoing import outgoing_batch, outgoing_event
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import (
    DISCOVERY_READS_COMMANDS,
    PROJECTION_READS_COMMANDS,
    Durable,
)
from shared.bus.registry.questions import (
    COLLECTIONS_LIST,
    EFFECTS_LIST,
    JOBS_LIST,
    MANIFESTS_CHANGE,
    MANIFESTS_LIST,
    MATCHES_DECIDE,
    MATCHES_DECISIONS,
    PREFERENCES_LIST,
    PREFERENCES_SET,
    QUESTIONS,
    SCHEDULES_CHANGE,
    SCHEDULES_LIST,
    SOURCES_LIST,
)
from shared.bus.registry.users import GATEWAY
from shared.bus.service_discovery import announce
from shared.bus.topology import apply_topology
from shared.clock import SystemClock
from shared.contracts.base import Event
from shared.contracts.batches import Batch, encode
from shared.contracts.collections import CollectionChanged
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.jobs import JobsSubmitted
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
)
from shared.contracts.sources import SourceForgotten, SourceRejected
from shared.contracts.writing import MapRemoved, RemovedRows, WritingPublished
from shared.settings import NatsSection
from tests.assigned import at_work
from tests.builders import batch
from tests.fakes.collection_store import FakeCollectionStore
from tests.fakes.decision_book import FakeDecisionBook
from tests.fakes.job_book import FakeJobBook
from tests.fakes.manifest_book import FakeManifestBook
from tests.fakes.preference_book import FakePreferenceBook
from tests.fakes.schedule_book import FakeScheduleBook
from tests.fakes.source_book import FakeSourceBook
from tests.http_fuzz.attack import TOKEN, attack
from tests.nats_server import NatsServer
from tests.unit.gateway.builders import (
    committed,
    event,
    letter,
    model,
    points,
    write_map,
    write_models,
)
from tests.waiting import PATIENCE_S, ended, until

if TYPE_CHECKING:
    from shared.bus.registry.question import Question

pytestmark = pytest.mark.integration
BY_KIND = {channel.family: channel for channel in CHANNELS}
FIGURES = {
    "sources": {"completed": 2},
    "records": {"seen": 5, "mapped": 4, "dead": 1, "in_flight": 0},
    "failures": [{"filename": "x", "reason": "y"}],
    "has_looked": True,
}


@dataclass
class World:
    """A running gateway and what it needs."""

    http: httpx.AsyncClient
    js: JetStreamContext
    server: NatsServer
    output: Path
    gateway: Gateway
    worker: Worker

    async def tell(self, *events: Event) -> None:
        for one in events:
            await self.send(outgoing_event(BY_KIND[one.family], one))

    async def map_points(self, *batches: Batch) -> None:
        for one in batches:
            await self.send(outgoing_batch(MAP_POINTS, one))

    async def send(self, message: Any) -> None:
        await self.js.publish(
            message.channel.subject(message.collection),
            message.body,
            headers={"Nats-Msg-Id": message.message_id, **message.headers},
        )

    def publish_map(self, *ids: str, **marks: Any) -> None:
        write_map(self.output / "default", ids, **marks)

    async def get_map(self, **query: Any) -> tuple[httpx.Response, pa.Table]:
        answer = await self.http.get("/map", params=query)
        assert answer.status_code == 200, answer.text
        return answer, pa.ipc.open_stream(answer.content).read_all()

    @asynccontextmanager
    async def answering(
        self, durable: Durable, *replies: Callable[[str], Event]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Stand in for a stage: answer every command with these events."""
        seen: list[dict[str, Any]] = []
        commands = await self.js.pull_subscribe_bind(durable.name("default"), durable.stream)

        async def answer() -> None:
            while True:
                try:
                    for message in await commands.fetch(1, timeout=0.5):
                        family = message.subject.rpartition(".")[0]
                        await message.ack()
                        seen.append(json.loads(message.data) | {"family": family})
                        for reply in replies:
                            await self.tell(reply(seen[-1]["correlation_id"]))
                except TimeoutError:
                    pass

        task = asyncio.create_task(answer())
        yield seen
        await ended(task)
        await commands.unsubscribe()  # else the next command may go to a request of this one
        await self.js._nc.flush(PATIENCE_S)


@asynccontextmanager
async def running(
    server: NatsServer, output: Path, **section: Any
) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient, Worker]]:
    settings = Settings(
        nats=NatsSection(url=server.url),
        output=OutputView(folder=output),
        gateway=GatewaySection(port=0, **section),
    )
    bus = build_bus(settings.nats, "gateway")
    gateway = Gateway(settings, bus, build_keyring(settings.gateway))
    await bus.connect()
    async with gateway.open() as opened, at_work(bus, (), nullcontext(opened)):
        assert gateway.url
        assert opened.worker
        async with httpx.AsyncClient(
            base_url=gateway.url, timeout=PATIENCE_S, trust_env=False
        ) as http:
            yield gateway, http, opened.worker
    await bus.close()


Start = Callable[..., AbstractAsyncContextManager[World]]
Told = tuple[int, str, dict[str, Any]]
"""An event: its id, what it is, and its body."""


@pytest.fixture
def start(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def begin(**section: Any) -> AsyncIterator[World]:
        output = tmp_path / "out"
        async with running(server, output, **section) as (gateway, http, worker):
            yield World(http, js, server, output, gateway, worker)

    return begin


async def test_a_recompute_answers_when_the_files_hold_the_new_map(start: Start) -> None:
    async with start() as world:
        updated = partial(event, ProjectionUpdated, model=model(2))

        def published(_: str | None) -> Any:
            return event(WritingPublished, model_version=2)

        async with world.answering(PROJECTION_READS_COMMANDS, updated, published) as commands:
            answer = await world.http.post("/recompute-projection", json={"reason": "now"})

        body = answer.json()
        assert answer.status_code == 200
        assert (body["status"], body["record_count"], body["version"]) == ("ok", 7, 2)
        assert body["movement"]["rms_share"] == 0.3
        assert commands[0]["reason"] == "now"

        asked = await world.http.get(f"/operations/{body['correlation_id']}")
        assert asked.json()["state"] == "pending"  # the files on disk say otherwise here
        world.publish_map("a", model_version=2)
        asked = await world.http.get(f"/operations/{body['correlation_id']}")
        assert asked.json()["state"] == "done"


async def test_a_slow_recompute_is_accepted_and_can_be_asked_for(start: Start) -> None:
    async with start(patience_s=0.2) as world:
        answer = await world.http.post("/recompute-projection")

        assert answer.status_code == 202
        where = answer.headers["location"]
        assert (await world.http.get(where)).json()["state"] == "pending"

        world.publish_map("a", model_version=2)
        held = partial(event, ProjectionUpdated, model=model(2))
        async with world.answering(PROJECTION_READS_COMMANDS, held):

            async def state() -> str | None:
                told = (await world.http.get(where)).json()
                return told if told["state"] == "done" else None

            assert (await until(state))["result"]["version"] == 2


@pytest.mark.parametrize(
    ("reply", "status", "fact"),
    [
        (ProjectionHeld, 409, "movement"),
        (ProjectionPreviewed, 200, "would_be_held"),
        (ProjectionRejected, 422, "correlation_id"),
    ],
)
async def test_other_outcomes_of_a_recompute(
    start: Start, reply: type[Event], status: int, fact: str
) -> None:
    async with start() as world:
        async with world.answering(PROJECTION_READS_COMMANDS, lambda one: event(reply, one)):
            answer = await world.http.post("/recompute-projection", json={"dry_run": True})

        assert (answer.status_code, answer.json()[fact] is not None) == (status, True)


async def test_forget_and_rollback(start: Start) -> None:
    async with start() as world:
        async with world.answering(
            DISCOVERY_READS_COMMANDS, lambda one: event(SourceForgotten, one)
        ) as commands:
            answer = await world.http.post("/forget", json={"source": "a.jsonl"})
        assert (answer.status_code, answer.json()["source_version"]) == (200, 2)
        assert commands[0]["source"] == "a.jsonl"

        world.publish_map("a", model_version=3)
        async with world.answering(
            PROJECTION_READS_COMMANDS, lambda one: event(ProjectionUpdated, one, model=model(3))
        ) as commands:
            answer = await world.http.post("/rollback", json={"to_version": 1})
        assert (answer.status_code, answer.json()["version"]) == (200, 3)
        assert commands[0]["to_version"] == 1


async def test_dead_letters_are_listed_shown_replayed_and_dropped(start: Start) -> None:
    async with start() as world:
        for number in (1, 2, 3):
            await world.send(outgoing_dead_letter(letter(number)))
        sent = batch(("schön",), filename="ä.jsonl")
        record = letter(4, stage="embedding", filename="ä.jsonl", body=encode(sent))
        await world.send(outgoing_dead_letter(record))

        page = (await world.http.get("/dead-letters", params={"limit": 2})).json()
        assert ([one["line"] for one in page["items"]], page["total"]) == ([1, 2], 4)
        query = {"after": page["next_after"], "stage": "discovery"}
        page = (await world.http.get("/dead-letters", params=query)).json()
        assert ([one["line"] for one in page["items"]], page["next_after"]) == ([3], None)
        query = {"source": "ä.jsonl"}
        (one,) = (await world.http.get("/dead-letters", params=query)).json()["items"]
        whole = (await world.http.get(f"/dead-letters/{one['sequence']}")).json()
        assert whole | one == whole
        assert whole["rows"][0]["text"] == "schön"
        assert (await world.http.get("/dead-letters/1")).json()["text"] == "torn 1"
        assert (await world.http.get("/dead-letters/9")).status_code == 404

        for verb, kind in (("replay", LettersReplayed), ("drop", LettersDropped)):
            told = partial(event, kind)
            async with world.answering(DISCOVERY_READS_COMMANDS, told) as commands:
                wish = {"sequences": [4], "since": "2026-01-01T00:00:00Z"}
                answer = await world.http.post(f"/dead-letters/{verb}", json=wish)
            assert (answer.status_code, answer.json()["records"]) == (200, 9), answer.text
            command = {name: value for name, value in commands[0].items() if value is not None}
            assert (command["family"], command["sequences"]) == (f"command.{verb}", [4])
            assert command["since"] == wish["since"]
            assert "stage" not in command


async def test_a_replay_that_discovery_refuses_or_does_not_answer(start: Start) -> None:
    async with start(patience_s=0.2) as world:
        answer = await world.http.post("/dead-letters/replay", json={"all": True})
        assert answer.status_code == 202

        refused = partial(event, SourceRejected, command="replay", reason="why")
        async with world.answering(DISCOVERY_READS_COMMANDS, refused):

            async def is_rejected() -> bool:
                told = (await world.http.get(answer.headers["location"])).json()
                return (told["state"], told["reason"]) == ("rejected", "why")

            await until(is_rejected)


async def test_an_operation_outlives_the_gateway(start: Start) -> None:
    async with start() as world:
        await world.tell(event(ProjectionRejected, "wish-1"))
        await world.tell(event(ProjectionHeld, "other", also_answers=("wish-2",)))
    async with start() as world:
        first = await world.http.get("/operations/wish-1")
        second = await world.http.get("/operations/wish-2")
        none = await world.http.get("/operations/wish-3")

        assert first.json()["state"] == "rejected"
        assert second.json()["state"] == "held"
        assert none.status_code == 404


async def test_health_tells_who_runs_and_that_the_bus_is_away(
    start: Start, server: NatsServer
) -> None:
    async with start() as world:
        assert (await world.http.get("/health")).json()["pipeline_running"] is False

        broker = NatsBroker(server.url, serializer=None, logger=None)
        await broker.connect()
        for name in ("discovery", "embedding", "projection", "writing"):
            await announce(broker, name, "1.0.0", "a stand-in", lambda: {"state": "running"})

        async def runs() -> bool:
            return (await world.http.get("/health")).json()["pipeline_running"]

        await until(runs)
        await broker.stop()
        await server.kill()

        async def is_away() -> bool:
            return (await world.http.get("/health")).json()["bus"] == "away"

        await until(is_away)
        body = (await world.http.get("/health")).json()
        assert (body["status"], body["pipeline_running"]) == ("ok", False)
        refused = await world.http.post("/recompute-projection")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        await server.start()

        async def is_back() -> bool:
            return (await world.http.get("/health")).json()["bus"] == "connected"

        await until(is_back)


async def test_a_map_and_what_follows_it_have_every_point(start: Start) -> None:
    """The files lag behind: what was committed but not published must come with the next step."""
    async with start() as world:
        await world.map_points(points("b1", ["a", "b"]), points("b2", ["c"]))
        await world.tell(committed(1, "b1", "b2"))
        world.publish_map("a", "b", "c", dataset_version=1)
        await world.map_points(points("b3", ["d"], x=1))
        await world.tell(committed(2, "b3"))
        await world.map_points(points("b4", ["e"], x=2))

        async def covers() -> Any:
            found = await world.get_map()
            return found if found[0].headers["x-mapstream-since"] == "2" else None

        answer, whole = await until(covers)
        assert whole.column("id").to_pylist() == ["a", "b", "c"]
        assert answer.headers["x-mapstream-records"] == "3"
        assert whole.schema.metadata[b"mapstream.since"] == b"2"
        assert whole.schema.names == [
            "id", "x", "y", "type", "filename", "iteration", "timestamp", "source_version",
        ]  # fmt: skip

        since = int(answer.headers["x-mapstream-since"])
        answer, added = await world.get_map(since=since, model_version=1)
        assert added.column("id").to_pylist() == ["d", "e"]
        assert answer.headers["x-mapstream-since"] == "4"
        assert "x-mapstream-records" not in answer.headers

        await world.map_points(points("b3-again", ["d"], x=5), points("b3-more", ["d"], x=7))
        _, added = await world.get_map(since=4)
        assert added.column("x").to_pylist() == [7.0]

        await world.map_points(points("b5", ["f"], model_version=2))
        gone = await world.http.get("/map", params={"since": 4})
        assert gone.status_code == 410
        assert "fetch the map again" in gone.json()["detail"]


async def test_a_collection_that_is_made_later_is_served_until_it_is_gone(start: Start) -> None:
    """Whoever follows all hears of it, and its map knows what was told before it was taken up."""
    async with start() as world:
        write_map(world.output / "later", ["a", "b"])
        for one in (points("b1", ["a"]), points("b2", ["b"])):
            facts = one.descriptor.model_copy(update={"collection": "later"})
            await world.map_points(Batch(facts, one.rows))
        told: list[Told] = []
        following = asyncio.create_task(read_events(world.http, 9, told, params={"after": 0}))
        await world.tell(committed(1, "b1", "b2").model_copy(update={"collection": "later"}))

        async def status() -> int:
            return (await world.http.get("/map", params={"collection": "later"})).status_code

        assert await status() == 404
        world.worker.begin("later", is_configured=False)

        async def covers() -> bool:
            answer, _ = await world.get_map(collection="later")
            return answer.headers["x-mapstream-since"] == "2"

        await until(covers)
        names = [one["name"] for one in (await world.http.get("/collections")).json()]
        assert names == ["default", "later"]
        later = event(WritingPublished).model_copy(update={"collection": "later"})
        await world.tell(later, event(WritingPublished, records=9))

        # Of what came before it was served it may have been told, or not.
        async def has_heard() -> bool:
            return [body["collection"] for _, _, body in told][-2:] == ["later", "default"]

        await until(has_heard)
        following.cancel()

        world.worker.end("later")

        async def is_gone() -> bool:
            return await status() == 404

        await until(is_gone)
        assert (await world.http.get("/collections")).json()[0]["name"] == "default"


def removed(dataset_version: int, **below: int) -> MapRemoved:
    sources = [
        RemovedRows(source_id=name, filename=f"{name}.jsonl", below_version=version)
        for name, version in below.items()
    ]
    return event(MapRemoved, dataset_version=dataset_version, sources=sources)


async def test_whoever_follows_a_map_hears_what_left_it(start: Start) -> None:
    """Replaced, then forgotten; the files may be ahead of the position, and news come twice."""
    async with start() as world:
        await world.map_points(points("b1", ["a", "b"]))
        await world.tell(committed(1, "b1"))
        world.publish_map("a", "b", dataset_version=1)
        await world.tell(removed(2, a=2))
        await world.map_points(points("b2", ["a"], source_version=2, x=3))
        await world.tell(committed(2, "b2"), removed(3, a=2))

        async def covers() -> Any:
            found = await world.get_map()
            return found if found[0].headers["x-mapstream-since"] == "1" else None

        await until(covers)
        answer, table = await world.get_map(since=1)
        assert table.select(["id", "x", "source_version"]).to_pylist() == [
            {"id": "a", "x": 3.0, "source_version": 2}
        ]
        assert json.loads(table.schema.metadata[b"mapstream.removed"]) == {"a.jsonl": 2}

        await world.tell(removed(4, a=3))
        position = answer.headers["x-mapstream-since"]
        _, table = await world.get_map(since=position)
        assert table.num_rows == 0
        assert json.loads(table.schema.metadata[b"mapstream.removed"]) == {"a.jsonl": 3}


async def test_a_position_that_the_stream_lost_is_gone(start: Start) -> None:
    async with start() as world:
        world.publish_map("a")
        await world.map_points(points("b1", ["a"]), points("b2", ["b"]))
        await world.tell(committed(1, "b1", "b2"))
        await world.js.purge_stream(MAP_POINTS.stream)

        assert (await world.http.get("/map", params={"since": 1})).status_code == 410
        assert (await world.http.get("/map", params={"since": 99})).status_code == 410
        answer, _ = await world.get_map()
        assert (await world.http.get("/map", params={"since": 2})).status_code == 200
        assert answer.headers["x-mapstream-since"] == "2"


async def test_a_gateway_that_starts_late_knows_what_the_files_hold(start: Start) -> None:
    async with start() as world:
        await world.map_points(points("b1", ["a"]), points("b2", ["b"]), points("b3", ["c"]))
        await world.tell(committed(1, "b1"), committed(2, "b2"), committed(3, "b3"))
    async with start() as world:
        world.publish_map("a", "b", dataset_version=2)

        answer, _ = await world.get_map()

        assert answer.headers["x-mapstream-since"] == "2"


async def read_events(
    http: httpx.AsyncClient, count: int, found: list[Told] | None = None, **options: Any
) -> list[Told]:
    """Read so many events; they are put into ``found`` as they come."""
    found = [] if found is None else found
    async with asyncio.timeout(PATIENCE_S), http.stream("GET", "/events", **options) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "id" in fields:
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
                if len(found) == count:
                    break
    return found


async def test_events_come_as_they_happen_and_go_on_after_the_last_id(start: Start) -> None:
    async with start() as world:
        await world.tell(event(ProjectionRejected, "before"))
        await read_events(world.http, 1, params={"after": 0})
        await until(lambda: _followed(world, 0))
        following = asyncio.create_task(read_events(world.http, 2))
        await until(lambda: _followed(world, 1))
        await world.tell(event(WritingPublished, records=1), event(ProjectionUpdated, "one"))

        first, second = await following
        assert first[1:2] + second[1:2] == ("writing.published", "projection.updated")
        assert second[2]["model"]["version"] == 1

        last = {"Last-Event-ID": str(first[0])}
        assert [one[0] for one in await read_events(world.http, 1, headers=last)] == [second[0]]
        replayed = await read_events(world.http, 3, params={"after": 0})
        assert [one[0] for one in replayed] == [1, 2, 3]


async def _followed(world: World, count: int) -> bool:
    return world.gateway.streams == count


async def test_events_survive_a_restart_of_the_bus(start: Start, server: NatsServer) -> None:
    async with start() as world:
        following = asyncio.create_task(read_events(world.http, 2, params={"after": 0}))
        await world.tell(event(WritingPublished, records=1))
        await server.kill()
        await asyncio.sleep(0.3)
        await server.start()
        await until(lambda: _publishes(world))

        assert [one[0] for one in await following] == [1, 2]


async def _publishes(world: World) -> bool:
    try:
        await world.tell(event(WritingPublished, records=2))
    except (nats.errors.Error, TimeoutError):
        return False
    return True


async def test_many_followers_share_one_consumer(start: Start) -> None:
    async with start() as world:
        tasks = [asyncio.create_task(read_events(world.http, 1)) for _ in range(30)]
        await until(lambda: _followed(world, 30))
        consumers = await world.js.consumers_info("EVENTS")
        durable = [one for one in consumers if not one.name.startswith("tail-")]
        assert len(consumers) - len(durable) <= 2  # the events, and the commits of the positions

        await world.tell(event(WritingPublished))
        assert {one[0][0] for one in await asyncio.gather(*tasks)} == {1}


async def test_models_collections_and_files(start: Start) -> None:
    async with start() as world:
        write_models(world.output / "default", model(1), model(2), model(10))
        world.publish_map("a", "b", model_version=2)

        page = (await world.http.get("/projections", params={"limit": 2})).json()
        assert [(one["version"], one["is_current"]) for one in page["items"]] == [
            (10, False),
            (2, True),
        ]
        assert (await world.http.get("/projections/10")).json()["mean"] == model(10).mean
        assert (await world.http.get("/projections/3")).status_code == 404
        (one,) = (await world.http.get("/collections")).json()
        assert (one["name"], one["records"], one["model_version"]) == ("default", 2, 2)
        assert one["files"]["logs.parquet"]["bytes"] > 0


async def test_sources_are_those_of_discovery(start: Start, server: NatsServer) -> None:
    async with start() as world:
        assert (await world.http.get("/sources")).status_code == 503

        status = {"state": "running", "collections": {"default": FIGURES}}
        broker = NatsBroker(server.url, serializer=None, logger=None)
        await broker.connect()
        await announce(broker, "discovery", "1.0.0", "a stand-in", lambda: status)

        async def told() -> Any:
            answer = await world.http.get("/sources")
            return answer.json() if answer.status_code == 200 else None

        none = {"stalled": [], "incomplete": [], "gone": [], "contradicted": []}
        later = {
            "stalled_sources": 0,
            "incomplete_sources": 0,
            "gone_sources": 0,
            "contradicted_batches": 0,
            "is_compared": True,
            **none,
        }  # an older one does not tell
        records = FIGURES["records"] | {"dropped": 0, "held": 0}
        failures = [one | {"is_held": False} for one in FIGURES["failures"]]
        assert await until(told) == {
            "collection": "default", **FIGURES, **later, "records": records, "failures": failures
        }  # fmt: skip
        await broker.stop()


def _environment(server: NatsServer, output: Path, **more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if "MAPSTREAM" not in name}
    return plain | {
        "MAPSTREAM_NATS__URL": server.url,
        "MAPSTREAM_OUTPUT__FOLDER": str(output),
        "MAPSTREAM_GATEWAY__PORT": "0",
        **more,
    }


async def test_a_signal_ends_the_process_at_once_although_somebody_follows(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await apply_topology(js, ["default"])
    first = outgoing_event(BY_KIND["writing.published"], event(WritingPublished))
    await js.publish(first.channel.subject("default"), first.body)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.gateway",
        env=_environment(server, tmp_path, MAPSTREAM_GATEWAY__PATIENCE_S="600"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stderr:
            told = json.loads(line)
            if told["event"] == "gateway.listening":
                break

    async def is_asked() -> bool:
        return (await js.stream_info("COMMANDS")).state.messages == 1

    async with httpx.AsyncClient(
        base_url=told["url"], trust_env=False, timeout=PATIENCE_S
    ) as http:
        seen: list[Told] = []
        following = asyncio.create_task(read_events(http, 2, seen, params={"after": 0}))
        waiting = asyncio.create_task(http.post("/recompute-projection"))
        await until(lambda: seen)
        await until(is_asked)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
            assert await following == seen[:1]
            assert (await waiting).status_code == 202


async def test_a_taken_port_is_a_mistake_in_the_configuration(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    del js
    async with running(server, tmp_path) as (gateway, _, _):
        assert gateway.url
        port = gateway.url.rsplit(":", 1)[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.gateway",
            env=_environment(server, tmp_path, MAPSTREAM_GATEWAY__PORT=port),
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert process.returncode == 2
    assert b"gateway.port" in told


async def answer_as_discovery(broker: NatsBroker) -> None:
    """Answer whatever the gateway asks discovery; of sources and jobs there are none."""
    collections = Collections(FakeCollectionStore(), SystemClock())
    await collections.record(["default", "second"])
    sources, jobs = FakeSourceBook(), FakeJobBook()
    preferences = FakePreferenceBook("name", "note")
    schedules, manifests = FakeScheduleBook(), FakeManifestBook()
    decisions = FakeDecisionBook()
    handlers: dict[Question[Any, Any], Callable[[Any], Awaitable[Any]]] = {
        COLLECTIONS_LIST: collections.page,
        SOURCES_LIST: sources.page,
        JOBS_LIST: jobs.jobs,
        EFFECTS_LIST: jobs.effects,
        PREFERENCES_LIST: preferences.tell,
        PREFERENCES_SET: preferences.choose,
        SCHEDULES_LIST: schedules.tell,
        SCHEDULES_CHANGE: schedules.change,
        MANIFESTS_LIST: manifests.tell,
        MANIFESTS_CHANGE: manifests.change,
        MATCHES_DECISIONS: decisions.tell,
        MATCHES_DECIDE: decisions.decide,
    }
    asked = {one for one in QUESTIONS if one.service == "discovery" and GATEWAY in one.asked_by}
    assert asked == set(handlers)
    for question, handler in handlers.items():
        await answer(broker, question, handler)


async def test_the_api_is_as_its_openapi_says(start: Start) -> None:
    """``make fuzz-http`` does the same to a whole pipeline, and for longer."""
    entry = TokenEntry(name="fuzz", role="operate", token=SecretStr(TOKEN))
    limits = {"requests_per_s": 1e6, "burst": 1_000_000, "heartbeat_s": 0.05, "max_stream_s": 0.1}
    outcomes = cycle((ProjectionUpdated, ProjectionHeld, ProjectionPreviewed))

    def reply(correlation_id: str) -> Event:
        kind = next(outcomes)
        return event(
            kind,
            correlation_id,
            **({"model": model(2)} if kind.family == "projection.updated" else {}),
        )

    token = {"authorization": f"Bearer {TOKEN}"}
    async with start(patience_s=0.3, tokens=(entry,), **limits) as world:
        world.publish_map("a", "b", model_version=2)
        write_models(world.output / "default", model(1), model(2))
        await world.map_points(points("b1", ["a", "b"], model_version=2))
        await world.tell(committed(1, "b1"), event(ProjectionRejected, "wish-1"))
        status = {"state": "running", "collections": {"default": FIGURES}}
        broker = NatsBroker(world.server.url, serializer=None, logger=None)
        await broker.connect()
        await announce(broker, "discovery", "1.0.0", "a stand-in", lambda: status)
        await answer_as_discovery(broker)

        async def is_known() -> bool:
            return (await world.http.get("/sources", headers=token)).status_code == 200

        await until(is_known)
        await world.send(outgoing_dead_letter(letter(1)))
        settled = {
            "command.forget": SourceForgotten,
            "command.replay": LettersReplayed,
            "command.drop": LettersDropped,
            "command.rename": CollectionChanged,
            "command.create": CollectionChanged,
            "command.submit": JobsSubmitted,
            "command.fetch": JobsSubmitted,
        }

        def settle(correlation_id: str) -> Event:
            return event(settled[asked[-1]["family"]], correlation_id)

        assert world.gateway.url
        async with (
            world.answering(PROJECTION_READS_COMMANDS, reply),
            world.answering(DISCOVERY_READS_COMMANDS, settle) as asked,
        ):
            code, told = await attack(
                world.gateway.url, world.output, examples=4, seed=1, has_rejections=False
            )
        await broker.stop()

    assert code == 0, told


async def test_a_bus_that_lost_its_data_is_followed_on(start: Start) -> None:
    async with start() as world:
        world.publish_map("a", dataset_version=1)
        for number in range(3):
            await world.map_points(points(f"old{number}", ["a"]))
            await world.tell(committed(1, f"old{number}"), event(WritingPublished, records=number))
        told: list[Told] = []
        following = asyncio.create_task(read_events(world.http, 7, told, params={"after": 0}))
        await until(lambda: len(told) == 6)

        async def covers() -> bool:
            return (await world.get_map())[0].headers["x-mapstream-since"] == "3"

        await until(covers)
        for stream in ("EVENTS", MAP_POINTS.stream):
            await world.js.delete_stream(stream)
        await apply_topology(world.js, ["default"])

        async def is_told() -> bool:
            await world.tell(event(WritingPublished, records=100 + len(seen)))
            seen.append(1)
            return following.done()

        seen: list[int] = []
        await until(is_told)
        assert [one[0] for one in await following][:6] == [1, 2, 3, 4, 5, 6]

        await world.map_points(points("new", ["b"]))
        gone = await world.http.get("/map", params={"since": 3})
        assert gone.status_code == 410
        _, added = await world.get_map(since=0)
        assert added.column("id").to_pylist() == ["b"]
