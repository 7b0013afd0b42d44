"""Over HTTP: which collections there are."""

import httpx

from services.gateway.handlers.commands import Commands
from services.gateway.routes.collections import build_collection_router
from services.gateway.routes.commands import build_command_router
from services.gateway.routes.parameters import Served
from shared.contracts.collections import CollectionChanged, CollectionRecord
from shared.contracts.commands import Create, Delete
from shared.contracts.sources import SourceRejected
from tests.builders import NOW
from tests.fakes.collection_book import FakeCollectionBook
from tests.unit.gateway.builders import (
    COLLECTION,
    FakeCommandBus,
    FakeEventLog,
    FakeMapReader,
    event,
)
from tests.unit.gateway.in_process import client, guarded


def record(name: str) -> CollectionRecord:
    return CollectionRecord(id=f"id-{name}", name=name, title="T", revision=1, created_at=NOW)


def over_http(book: FakeCollectionBook) -> httpx.AsyncClient:
    return client(guarded(build_collection_router(book)))


async def test_they_are_listed_a_page_at_a_time() -> None:
    async with over_http(FakeCollectionBook(*map(record, "cab"))) as http:
        first = (await http.get("/api/collections", params={"limit": 2})).json()
        rest = (await http.get("/api/collections", params={"after": first["next_after"]})).json()

    assert [one["name"] for one in first["items"]] == ["a", "b"]
    assert [one["name"] for one in rest["items"]] == ["c"]
    assert rest["next_after"] is None
    assert first["items"][0] == record("a").model_dump(mode="json")


async def test_one_is_told_by_its_name() -> None:
    async with over_http(FakeCollectionBook(record("a"))) as http:
        known, unknown = [await http.get(f"/api/collections/{name}") for name in "ab"]

    assert known.json() == record("a").model_dump(mode="json")
    assert unknown.status_code == 404
    assert "there is no collection 'b'" in unknown.json()["detail"]


async def test_what_cannot_be_a_name_or_a_page_is_refused() -> None:
    async with over_http(FakeCollectionBook(record("a"))) as http:
        for path in ("/A", "/a.b", "/-", f"/{'a' * 64}", "?limit=0", "?limit=201"):
            assert (await http.get(f"/api/collections{path}")).status_code == 422, path


async def test_without_discovery_it_says_so() -> None:
    async with over_http(FakeCollectionBook(is_away=True)) as http:
        answers = [await http.get(f"/api/collections{path}") for path in ("", "/a")]

    assert [one.status_code for one in answers] == [503, 503]
    assert all("discovery does not answer" in one.json()["detail"] for one in answers)


async def test_a_wish_for_another_title_is_sent_as_it_was_said() -> None:
    log = FakeEventLog()
    bus = FakeCommandBus(log, lambda one: event(CollectionChanged, one))
    commands = Commands(("default",), bus=bus, events=log, maps=FakeMapReader(), patience_s=60)
    router = build_command_router(Served(["default"]), commands, FakeCollectionBook())
    async with client(guarded(router)) as http:
        done = await http.patch("/api/collections/default", json={"title": "T"})
        emptied = await http.patch("/api/collections/default", json={"description": ""})
        unknown = await http.patch("/api/collections/other", json={"title": "T"})
        refused = [
            (await http.patch("/api/collections/default", json=body)).status_code
            for body in ({}, {"title": ""}, {"title": None}, {"name": "x"}, {"title": "t" * 201})
        ]

    assert done.json()["record"] == COLLECTION.model_dump(mode="json")
    assert emptied.status_code == 200
    assert unknown.status_code == 404
    assert refused == [422] * 5
    told = [command.model_dump(exclude={"correlation_id"}) for _, command in bus.sent]
    assert told == [
        {"title": "T", "description": None, "is_analyzed": None},
        {"title": None, "description": "", "is_analyzed": None},
    ]  # fmt: skip


def making(
    bus: FakeCommandBus,
    log: FakeEventLog,
    patience_s: float = 60,
    book: FakeCollectionBook | None = None,
) -> httpx.AsyncClient:
    commands = Commands(
        ("default",), bus=bus, events=log, maps=FakeMapReader(), patience_s=patience_s
    )
    known = book or FakeCollectionBook()
    return client(guarded(build_command_router(Served(["default"]), commands, known)))


def made(correlation_id: str) -> CollectionChanged:
    facts = {"collection": "new", "record": record("new")}
    return event(CollectionChanged, correlation_id, **facts)


async def test_a_collection_that_nobody_serves_yet_is_made() -> None:
    log = FakeEventLog()
    bus = FakeCommandBus(log, made)
    sources = [{"path": "/data/a", "glob": "*.log"}, {"path": "/data/b"}]
    async with making(bus, log) as http:
        done = await http.post(
            "/api/collections", json={"name": "new", "title": "T", "sources": sources}
        )
        plain = await http.post("/api/collections", json={"name": "new"})
        operation = await http.get(f"/operations/{done.json()['correlation_id']}")

    assert (done.status_code, done.headers["location"]) == (201, "/api/collections/new")
    assert done.json()["record"] == record("new").model_dump(mode="json")
    assert "read and mapped" in done.json()["next"]
    assert "no source" in plain.json()["next"]
    (name, command), (_, second) = bus.sent
    assert isinstance(command, Create)
    assert (name, command.title, command.description) == ("new", "T", "")
    assert [(one.path, one.glob) for one in command.sources] == [
        ("/data/a", "*.log"), ("/data/b", "**/*.jsonl"),
    ]  # fmt: skip
    assert isinstance(second, Create)
    assert (second.title, second.sources) == (None, ())
    assert operation.json()["state"] == "done"


async def test_why_none_was_made_is_told() -> None:
    log = FakeEventLog()
    reason = "there is a collection 'new' already; choose another name"

    def reject(correlation_id: str) -> SourceRejected:
        return event(
            SourceRejected, correlation_id, collection="new", command="command.create.new",
            reason=reason,
        )  # fmt: skip

    async with making(FakeCommandBus(log, reject), log) as http:
        refused = await http.post("/api/collections", json={"name": "new"})

    assert (refused.status_code, refused.json()["detail"]) == (422, reason)


async def test_what_became_of_one_that_took_long_is_found_though_nobody_follows_it() -> None:
    log = FakeEventLog()
    async with making(FakeCommandBus(log), log, patience_s=0) as http:
        begun = await http.post("/api/collections", json={"name": "new"})
        where = begun.headers["location"]
        waiting = (await http.get(where)).json()
        log.tell(made(begun.json()["correlation_id"]))
        done = (await http.get(where)).json()

    assert begun.status_code == 202
    assert (waiting["state"], done["state"]) == ("pending", "done")
    assert done["result"]["record"]["name"] == "new"


async def test_what_cannot_be_made_is_refused_before_it_is_sent() -> None:
    log = FakeEventLog()
    bus = FakeCommandBus(log, made)
    wrong: list[dict[str, object]] = [
        {}, {"name": "New"}, {"name": "a.b"}, {"name": "new", "title": ""},
        {"name": "new", "titel": "T"}, {"name": "new", "title": None},
        {"name": "new", "sources": [{"path": "runs"}]},
        {"name": "new", "sources": [{"path": "/data", "glob": "../*"}]},
        {"name": "new", "sources": [{"path": "/data", "glob": "/etc/*"}]},
        {"name": "new", "sources": [{"path": "/data", "pattern": "*"}]},
        {"name": "new", "sources": [{"path": "/data"}] * 9},
    ]  # fmt: skip
    async with making(bus, log) as http:
        codes = [(await http.post("/api/collections", json=one)).status_code for one in wrong]

    assert codes == [422] * len(wrong)
    assert bus.sent == []


def deleted(correlation_id: str) -> CollectionChanged:
    gone = record("gone").model_copy(update={"state": "deleted"})
    return event(CollectionChanged, correlation_id, collection="gone", record=gone)


async def test_one_that_nobody_serves_any_more_is_deleted() -> None:
    log = FakeEventLog()
    bus = FakeCommandBus(log, deleted)
    async with making(bus, log, book=FakeCollectionBook(record("gone"))) as http:
        done = await http.delete("/api/collections/gone")
        operation = await http.get(f"/operations/{done.json()['correlation_id']}")

    assert done.status_code == 200
    assert done.json()["record"]["state"] == "deleted"
    assert [(name, type(command)) for name, command in bus.sent] == [("gone", Delete)]
    assert operation.json()["command"] == "delete"


async def test_a_deletion_that_takes_long_is_found_though_nobody_follows_it() -> None:
    log, book = FakeEventLog(), FakeCollectionBook(record("gone"))
    async with making(FakeCommandBus(log), log, patience_s=0, book=book) as http:
        begun = await http.delete("/api/collections/gone")
        where = begun.headers["location"]
        waiting = (await http.get(where)).json()
        log.tell(deleted(begun.json()["correlation_id"]))
        done = (await http.get(where)).json()

    assert begun.status_code == 202
    assert (waiting["state"], done["state"]) == ("pending", "done")


async def test_what_is_not_there_is_not_found_and_what_stays_conflicts() -> None:
    log = FakeEventLog()

    def reject(correlation_id: str) -> SourceRejected:
        return event(
            SourceRejected, correlation_id, collection="default",
            command="command.delete.default", reason="the configuration names 'default'",
        )  # fmt: skip

    bus = FakeCommandBus(log, reject)
    async with making(bus, log, book=FakeCollectionBook(record("default"))) as http:
        unknown = await http.delete("/api/collections/unknown")
        refused = await http.delete("/api/collections/default")
        misspelt = await http.delete("/api/collections/default", params={"force": "1"})
    async with making(bus, log, book=FakeCollectionBook(is_away=True)) as http:
        away = await http.delete("/api/collections/default")

    assert unknown.status_code == 404
    assert (refused.status_code, away.status_code) == (409, 503)
    assert misspelt.status_code == 422
    assert refused.json()["detail"] == "the configuration names 'default'"
    assert [name for name, _ in bus.sent] == ["default"]
