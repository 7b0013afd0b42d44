"""Who may do what over HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from starlette.types import Message

from services.gateway.routes.api import build_api
from services.gateway.routes.streams import MAP_HEADERS
from shared.http.access import roles
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.rates import Rates
from shared.http.sharing import share
from tests.unit.gateway.in_process import build, build_routers, client, stream_limits

TOKENS = {role: f"a-token-that-may-{role}" for role in Role}
KEYRING = Keyring(
    Credential(Caller(f"the-{role}er", role), digest_of(token)) for role, token in TOKENS.items()
)
JSON = {"content-type": "application/json"}
ROLES = {
    ("/health", "GET"): None,
    ("/queues", "GET"): Role.READ,
    ("/sources", "GET"): Role.READ,
    ("/collections", "GET"): Role.READ,
    ("/projections", "GET"): Role.READ,
    ("/projections/{version}", "GET"): Role.READ,
    ("/recompute-projection", "POST"): Role.OPERATE,
    ("/rollback", "POST"): Role.OPERATE,
    ("/forget", "POST"): Role.OPERATE,
    ("/dead-letters", "GET"): Role.READ,
    ("/dead-letters/{sequence}", "GET"): Role.READ,
    ("/dead-letters/replay", "POST"): Role.OPERATE,
    ("/dead-letters/drop", "POST"): Role.OPERATE,
    ("/operations/{operation_id}", "GET"): Role.READ,
    ("/api/collections", "GET"): Role.READ,
    ("/api/collections", "POST"): Role.OPERATE,
    ("/api/collections/{name}", "GET"): Role.READ,
    ("/api/collections/{name}", "PATCH"): Role.OPERATE,
    ("/api/collections/{name}", "DELETE"): Role.OPERATE,
    ("/api/collections/{name}/examples", "POST"): Role.OPERATE,
    ("/api/examples", "GET"): Role.READ,
    ("/api/collections/{name}/preferences", "GET"): Role.READ,
    ("/api/collections/{name}/preferences", "PUT"): Role.OPERATE,
    ("/api/collections/{name}/sources", "GET"): Role.READ,
    ("/api/collections/{name}/sources", "POST"): Role.OPERATE,
    ("/api/collections/{name}/sources/{source_id}/preview", "GET"): Role.READ,
    ("/api/collections/{name}/uploads", "GET"): Role.OPERATE,
    ("/api/collections/{name}/uploads", "POST"): Role.OPERATE,
    ("/api/collections/{name}/uploads/{upload}", "DELETE"): Role.OPERATE,
    ("/api/collections/{name}/uploads/{upload}", "GET"): Role.OPERATE,
    ("/api/collections/{name}/uploads/{upload}", "PATCH"): Role.OPERATE,
    ("/api/uploads/limits", "GET"): Role.READ,
    ("/api/uploads/preview", "POST"): Role.OPERATE,
    ("/audit", "GET"): Role.OPERATE,
    ("/api/jobs", "GET"): Role.READ,
    ("/api/jobs/{job}", "GET"): Role.READ,
    ("/api/jobs/{job}/cancel", "POST"): Role.OPERATE,
    ("/api/jobs/{job}/retry", "POST"): Role.OPERATE,
    ("/api/jobs", "POST"): Role.OPERATE,
    ("/api/fetches", "POST"): Role.OPERATE,
    ("/api/manifests", "GET"): Role.READ,
    ("/api/manifests", "PUT"): Role.OPERATE,
    ("/api/manifests/{manifest}", "GET"): Role.READ,
    ("/api/manifests/{manifest}", "PATCH"): Role.OPERATE,
    ("/api/manifests/{manifest}", "DELETE"): Role.OPERATE,
    ("/api/manifests/{manifest}/run", "POST"): Role.OPERATE,
    ("/api/matches", "GET"): Role.READ,
    ("/api/matches/export", "GET"): Role.READ,
    ("/api/matches/decisions", "POST"): Role.OPERATE,
    ("/api/schedules", "GET"): Role.READ,
    ("/api/schedules", "POST"): Role.OPERATE,
    ("/api/schedules/{schedule}", "PATCH"): Role.OPERATE,
    ("/api/schedules/{schedule}", "DELETE"): Role.OPERATE,
    ("/api/schedules/{schedule}/run", "POST"): Role.OPERATE,
    ("/api/sources/{source_id}", "DELETE"): Role.OPERATE,
    ("/api/audit", "GET"): Role.OPERATE,
    ("/api/groups", "GET"): Role.READ,
    ("/api/groups/{group}/sources", "GET"): Role.READ,
    ("/api/groups/{group}/sources", "POST"): Role.OPERATE,
    ("/api/groups/{group}/sources/{source_id}", "DELETE"): Role.OPERATE,
    ("/api/groups/{group}/sources/reembed", "POST"): Role.OPERATE,
    ("/api/groups/{group}/embedding-jobs/{job}", "GET"): Role.READ,
    ("/api/groups/{group}/preferences", "GET"): Role.READ,
    ("/api/groups/{group}/preferences", "PUT"): Role.OPERATE,
    ("/api/admin/suppliers", "POST"): Role.OPERATE,
    ("/api/admin/sync/trigger", "POST"): Role.OPERATE,
    ("/api/admin/sync/status", "GET"): Role.READ,
    ("/api/admin/jobs/{job}/retry", "POST"): Role.OPERATE,
    ("/map", "GET"): Role.READ,
    ("/events", "GET"): Role.READ,
    ("/records/{record_id}", "GET"): Role.READ,
    ("/records/{record_id}/neighbours", "GET"): Role.READ,
    ("/records", "GET"): Role.READ,
    ("/search", "GET"): Role.READ,
    ("/export", "POST"): Role.READ,
    ("/regions", "GET"): Role.READ,
    ("/runs", "GET"): Role.READ,
    ("/run", "GET"): Role.READ,
    ("/columns", "GET"): Role.READ,
    ("/column", "GET"): Role.READ,
    ("/session", "GET"): None,
    ("/session", "POST"): None,
    ("/session", "DELETE"): None,
    ("/", "GET"): None,
    ("/page/{name}", "GET"): None,
}
OF_THE_PAGE = {("/", "GET"), ("/page/{name}", "GET")}
"""No part of the API."""


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(build(keyring=KEYRING)) as made:
        yield made


def test_every_route_says_what_it_asks_of_its_caller() -> None:
    """Written out here, so that a route that is opened by mistake is noticed."""
    assert roles(build_routers()) == ROLES


def test_a_route_that_says_nothing_keeps_the_gateway_from_starting() -> None:
    router = APIRouter()
    router.add_api_route("/open", lambda: None)

    with pytest.raises(TypeError, match="/open"):
        build_api([router], version="1")


@pytest.mark.parametrize(("path", "method"), ROLES, ids=lambda one: str(one).strip("/"))
async def test_a_route_is_closed_to_whoever_lacks_its_role(
    http: httpx.AsyncClient, path: str, method: str
) -> None:
    role = ROLES[path, method]
    asked = path.format(
        version=0,
        sequence=0,
        operation_id="x!",
        name="UPPER",
        group="UPPER",
        record_id="x",
        job="x",
        schedule="x",
        manifest="x",
        source_id="0",
        upload="x",
    )  # refused, but for another reason

    async def status(**headers: str) -> int:
        # What is wrong with the body comes second: it is not even read.
        body = b"{" if method in {"POST", "PATCH"} else None
        answer = await http.request(
            method, asked, content=body, headers=JSON | headers, params={"collection": "UPPER"}
        )
        if answer.status_code in (401, 403):
            assert answer.headers["content-type"] == "application/problem+json"
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        return answer.status_code

    assert (await status() == 401) == (role is not None)
    assert await status(**bearer("a-token-that-nobody-has")) == 401
    assert (await status(**bearer(TOKENS[Role.READ])) == 403) == (role is Role.OPERATE)
    assert await status(**bearer(TOKENS[Role.OPERATE])) in (200, 412, 422)


async def test_openapi_names_the_role_of_every_operation(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()

    told = {
        (path, method.upper()): one.get("security")
        for path, item in document["paths"].items()
        for method, one in item.items()
    }
    assert told == {
        where: None if role is None else [{"bearer": [role.value]}]
        for where, role in ROLES.items()
        if where not in OF_THE_PAGE
    }
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    "header",
    ["Basic abc", "Bearer", "Bearer ", "bearer\ta-token-that-may-read", "a-token-that-may-read",
     "Bearer a-token-that-may-rea", "Bearer a-token-that-may-readd", "Bearer é"],
)  # fmt: skip
async def test_what_is_no_known_token_is_refused(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.get("/sources", headers=[(b"authorization", header.encode())])

    assert answer.status_code == 401
    assert "a-token" not in answer.text


async def test_who_may_not_read_learns_only_that_it_lives() -> None:
    statuses = {"discovery": [{"state": "running", "failures": ["/secret/file"]}]}
    async with client(build(statuses=statuses, keyring=KEYRING)) as http:
        anybody = (await http.get("/health")).json()
        reader = (await http.get("/health", headers=bearer(TOKENS[Role.READ]))).json()

    assert (anybody["status"], anybody["services"]) == ("ok", {})
    assert reader["services"]


async def test_tokens_are_neither_told_nor_logged(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = await http.get("/sources", headers=bearer("a-token-that-nobody-has"))
    right = await http.post("/forget", headers=bearer(TOKENS[Role.READ]))

    told = "".join([wrong.text, right.text, caplog.text, *capsys.readouterr(), repr(KEYRING)])
    assert "token.refused" in told
    assert "a-token-that" not in told


async def test_who_asks_too_often_waits_and_others_do_not() -> None:
    app = build(keyring=KEYRING, rates=Rates(0.001, 3))
    async with client(app) as one, client(app, "127.0.0.2") as other:
        assert [(await one.get("/health")).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await one.get("/health")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await other.get("/health")).status_code == 200
        known = await one.get("/health", headers=bearer(TOKENS[Role.READ]))
        assert known.status_code == 200  # a token counts for itself


async def test_guessing_tokens_has_the_limit_of_the_address() -> None:
    app = build(keyring=KEYRING, rates=Rates(0.001, 2))
    async with client(app) as http:
        guesses = [
            (await http.get("/sources", headers=bearer(f"guess-{number}"))).status_code
            for number in range(4)
        ]

    assert guesses == [401, 401, 429, 429]


async def test_one_client_cannot_take_every_stream() -> None:
    app = build(stream_limits(max_streams=9, max_streams_per_client=0))
    async with client(app) as http:
        answer = await http.get("/map")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_body_that_a_form_can_send_is_refused(
    http: httpx.AsyncClient, kind: str | None
) -> None:
    headers = bearer(TOKENS[Role.OPERATE]) | ({"content-type": kind} if kind else {})

    answer = await http.post("/forget", content=b'{"source": "a"}', headers=headers)

    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("site", "mode", "method", "status"),
    [
        ("cross-site", "no-cors", "GET", 403),
        ("same-site", "cors", "GET", 403),
        ("cross-site", "navigate", "GET", 200),
        ("cross-site", "navigate", "POST", 403),
        ("same-origin", "cors", "GET", 200),
        ("none", "navigate", "GET", 200),
    ],
)
async def test_a_page_of_another_site_can_do_nothing(
    site: str, mode: str, method: str, status: int
) -> None:
    """Not even hold a stream open; a link may lead here."""
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    async with client(build()) as http:
        path = "/map" if method == "GET" else "/rollback"
        answer = await http.request(method, path, headers=headers)

    assert answer.status_code == status


async def test_only_listed_pages_may_use_the_api() -> None:
    ours, theirs = "https://map.example", "https://evil.example"
    guard = build(keyring=KEYRING, allowed_origins=frozenset([ours]))
    async with client(share(guard, [ours], MAP_HEADERS)) as http:
        asked = {"access-control-request-method": "POST", "sec-fetch-site": "cross-site"}
        asked |= {"access-control-request-headers": "authorization,content-type"}
        for origin, status in ((ours, 200), (theirs, 400)):
            preflight = await http.options("/rollback", headers=asked | {"origin": origin})
            assert preflight.status_code == status
        sent = bearer(TOKENS[Role.OPERATE]) | {"sec-fetch-site": "cross-site"}
        allowed = await http.post("/rollback", headers=sent | {"origin": ours})
        refused = await http.post("/rollback", headers=sent | {"origin": theirs})
        unknown = await http.post("/rollback", headers={"origin": ours})

    assert allowed.status_code == 202
    assert allowed.headers["access-control-allow-origin"] == ours
    assert "access-control-allow-credentials" not in allowed.headers
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert unknown.status_code == 401
    assert unknown.headers["access-control-allow-origin"] == ours  # or the page cannot read why


async def test_strict_transport_is_asked_for_over_tls_only() -> None:
    async with client(build(), base_url="https://127.0.0.1") as http:
        assert "strict-transport-security" in (await http.get("/health")).headers
    async with client(build()) as http:
        assert "strict-transport-security" not in (await http.get("/health")).headers


async def send_body(*messages: Message, hangs: bool = False, **rules: Any) -> int:
    """Post to /rollback with these pieces of a body."""
    left = list(messages)
    status = 0

    async def receive() -> Message:
        if not left and hangs:
            await asyncio.Event().wait()
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/rollback",
        "raw_path": b"/rollback",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"host", b"localhost")],
    }
    await build(**rules)(scope, receive, send)
    return status


async def test_a_body_that_does_not_come_is_not_waited_for_for_ever() -> None:
    assert await send_body(hangs=True, receive_timeout_s=0.05) == 408


async def test_a_body_that_broke_off_is_no_command() -> None:
    """Without its body, a dry run would be a real one."""
    begun = {"type": "http.request", "body": b"", "more_body": True}

    assert await send_body(begun) == 400
