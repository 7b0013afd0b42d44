import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.observability.http_metrics import MeasuredHttp
from tests.metering import metered


async def answer(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("fine", status_code=201)


async def broken(_request: Request) -> PlainTextResponse:
    raise OSError("broken")


APP = MeasuredHttp(
    Starlette(routes=[Route("/a/{name}", answer, methods=["POST"]), Route("/b", broken)]),
    stage="gateway",
)


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("POST", "/a/one", {"endpoint": "answer", "method": "POST", "status": "201"}),
        ("GET", "/b", {"endpoint": "broken", "method": "GET", "status": "500"}),
        ("GET", "/c/../" + "x" * 99, {"endpoint": "none", "method": "GET", "status": "404"}),
        ("MAKEUP", "/c", {"endpoint": "none", "method": "other", "status": "404"}),
    ],
)
async def test_a_request_is_counted_by_who_answered_it(
    method: str, path: str, labels: dict[str, str]
) -> None:
    transport = httpx.ASGITransport(app=APP, raise_app_exceptions=False)
    gained = metered()
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        await client.request(method, path)

    assert gained("mapstream_http_requests_total", stage="gateway", **labels) == 1
    assert gained("mapstream_http_requests_total", stage="gateway") == 1
    seconds = gained("mapstream_http_request_seconds_count", endpoint=labels["endpoint"])
    assert seconds == 1
    assert gained("mapstream_http_requests_in_flight") == 0
