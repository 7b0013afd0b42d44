"""In process, without bus and server."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.http.guard import allowed_hosts
from tests.addresses import EVERY_ADDRESS
from tests.unit.gateway.in_process import IN_PATHS, build, client, stream_limits


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(build()) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nowhere", 404, "openapi.json"),
        ("GET", "/docs", 404, "openapi.json"),
        ("DELETE", "/health", 405, "DELETE"),
        ("GET", "/map?collection=third", 404, "default, second"),
        ("GET", "/map?collection=UPPER", 422, "collection"),
        ("GET", "/map?since=-1", 422, "since"),
        ("GET", "/map?since=99", 410, "position"),
        ("GET", "/events?after=x", 422, "after"),
        ("GET", "/projections?limit=0", 422, "limit"),
        ("GET", "/projections/1", 404, "no model 1"),
        ("GET", "/sources", 503, "away"),
        ("GET", "/operations/nobody", 404, "nobody"),
        ("POST", "/forget", 422, "body"),
        ("GET", "/forget", 405, "GET"),
    ],
)
async def test_every_error_is_a_problem(
    http: httpx.AsyncClient, method: str, path: str, status: int, detail: str
) -> None:
    answer = await http.request(method, path)

    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"]) == (status, status)
    assert body["instance"] == path.split("?", maxsplit=1)[0]
    assert {"type", "title"} <= body.keys()
    assert detail in body["detail"]
    assert (status == 405) == ("allow" in answer.headers)


async def test_a_query_parameter_that_is_not_known_is_refused_everywhere(
    http: httpx.AsyncClient,
) -> None:
    """A misspelt `since` would be answered with the whole map, a `stage` with every letter."""
    document = (await http.get("/openapi.json")).json()
    operations = {"/openapi.json": {"get": {}}} | document["paths"]
    assert len(operations) > 10
    for path, methods in operations.items():
        for method, operation in methods.items():
            asked = path.format(**IN_PATHS)
            answer = await http.request(method, f"{asked}?sinse=15&=x")

            known = [
                one["name"] for one in operation.get("parameters", []) if one["in"] == "query"
            ]
            told = f"there is: {', '.join(known)}" if known else "there is none here"
            assert answer.status_code == 422, asked
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["errors"] == [
                {"where": f"query.{name}", "what": f"there is no such parameter; {told}"}
                for name in ("sinse", "")
            ]


async def test_every_known_query_parameter_is_taken(http: httpx.AsyncClient) -> None:
    letters = "stage=embedding&source=a&since=2026-01-31T09:00:00Z&after=1&limit=1"

    for query in (f"/dead-letters?collection=default&{letters}", "/map?since=1&model_version=1"):
        answer = await http.get(query)
        assert "no such parameter" not in answer.text
        assert answer.status_code != 422


@pytest.mark.parametrize(
    "body",
    [{"dry_run": "yes"}, {"dryrun": True}, {"reason": "x" * 201}, [], "text"],
    ids=["type", "unknown", "long", "list", "string"],
)
async def test_a_wrong_body_is_told_in_detail(http: httpx.AsyncClient, body: Any) -> None:
    answer = await http.post("/recompute-projection", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("path", ["/rollback", "/recompute-projection", "/forget"])
async def test_a_field_that_is_null_is_refused_by_name(http: httpx.AsyncClient, path: str) -> None:
    """A rollback to version null would go to the parent, as if no version had been meant."""
    answer = await http.post(path, json={"to_version": None})

    assert answer.status_code == 422
    assert "null is no value for to_version" in answer.json()["detail"]


@pytest.mark.parametrize("body", [None, {}, {"force": True}])
async def test_a_command_needs_no_body(http: httpx.AsyncClient, body: Any) -> None:
    answer = await http.post("/recompute-projection", json=body)

    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["operation"]
    asked = await http.get(answer.headers["location"])
    assert (asked.json()["state"], asked.json()["command"]) == ("pending", "refit")


async def test_every_answer_has_the_security_headers(http: httpx.AsyncClient) -> None:
    for path in ("/health", "/nowhere", "/map"):
        headers = (await http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


async def test_a_body_beyond_the_limit_is_refused_however_it_is_sent(
    http: httpx.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 500

    for content in (b"x" * 1500, chunks()):
        answer = await http.post("/forget", content=content)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_name_that_was_bent_to_our_address_is_refused(http: httpx.AsyncClient) -> None:
    """Else any page could read everything, as soon as its own name leads here."""
    assert (await http.get("/health", headers={"host": "evil.example"})).status_code == 421
    assert (await http.get("/health", headers={"host": "localhost:8000"})).status_code == 200
    assert (await http.get("/health", headers={"host": "[::1]:8000"})).status_code == 200


async def test_a_foreign_page_cannot_send_commands(http: httpx.AsyncClient) -> None:
    """A browser posts for any page without asking; it only keeps the answer to itself."""
    foreign = await http.post("/recompute-projection", headers={"origin": "http://evil.example"})
    own = await http.post("/recompute-projection", headers={"origin": "http://127.0.0.1:8000"})
    none = await http.post("/recompute-projection", headers={"origin": "null"})

    assert [one.status_code for one in (foreign, own, none)] == [403, 202, 403]


def test_a_server_for_other_machines_is_called_by_address_or_by_a_listed_name() -> None:
    """A page can bend its name to our address, but then it calls us by its name."""
    hosts = allowed_hosts(EVERY_ADDRESS, ("Map.example",), is_reachable=True)

    asked = ("10.0.0.7", "::1", "map.example", "localhost", "evil.example", None, "")
    assert [hosts.allow(one) for one in asked] == [True, True, True, True, False, False, False]


def test_a_server_of_this_machine_is_called_by_its_names_only() -> None:
    hosts = allowed_hosts("127.0.0.1", (), is_reachable=False)

    assert hosts.allow("localhost")
    assert not hosts.allow("10.0.0.7")


async def test_only_so_many_streams_go_on() -> None:
    async with client(build(stream_limits(max_streams=0))) as http:
        answer = await http.get("/map")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_place_is_given_back() -> None:
    async with client(build(stream_limits(max_streams=1))) as http:
        for _ in range(3):
            assert (await http.get("/map")).status_code == 200


async def test_openapi_describes_every_problem(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()

    assert "Problem" in document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["description"]
            told = operation["responses"]["422"]["content"]
            assert list(told) == ["application/problem+json"]
