"""Over HTTP: which collections there are."""

import httpx

from services.gateway.routes.collections import build_collection_router
from shared.contracts.collections import CollectionRecord
from tests.builders import NOW
from tests.fakes.collection_book import FakeCollectionBook
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
