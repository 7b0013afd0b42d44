"""Every method of every path, in process."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.gateway.in_process import IN_PATHS, build, client

STREAMS = {"/events"}
"""Their GET has no end."""


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(build()) as made:
        yield made


async def paths(http: httpx.AsyncClient) -> dict[str, set[str]]:
    document = (await http.get("/openapi.json")).json()
    asked = {
        path.format(**IN_PATHS): {one.upper() for one in operations}
        for path, operations in document["paths"].items()
    }
    assert {"/health", "/map", "/events", "/forget"} <= asked.keys()
    return asked | {"/openapi.json": {"GET"}}


async def test_head_is_answered_wherever_get_is(http: httpx.AsyncClient) -> None:
    for path, methods in (await paths(http)).items():
        head = await http.head(path)
        assert head.content == b"", path
        if "GET" not in methods:
            assert head.status_code == 405, path
        elif path in STREAMS:
            assert head.headers["content-type"].startswith("text/event-stream")
        else:
            got = await http.get(path)
            assert head.status_code == got.status_code, path
            for name in ("content-type", "content-length"):
                assert head.headers.get(name) == got.headers.get(name), path


async def test_options_and_405_name_every_method(http: httpx.AsyncClient) -> None:
    for path, methods in (await paths(http)).items():
        expected = {*methods, "OPTIONS", *({"HEAD"} if "GET" in methods else ())}
        options = await http.options(path)
        assert (options.status_code, options.content) == (204, b"")
        assert set(options.headers["allow"].split(", ")) == expected, path
        for method in {"GET", "POST", "PUT", "BREW"} - methods:
            refused = await http.request(method, path, json={})
            assert refused.status_code == 405, (method, path)
            assert set(refused.headers["allow"].split(", ")) == expected, path


async def test_what_is_not_there_has_no_methods(http: httpx.AsyncClient) -> None:
    assert (await http.options("/nowhere")).status_code == 404
    assert (await http.head("/nowhere")).status_code == 404


async def test_a_refused_head_is_refused(http: httpx.AsyncClient) -> None:
    assert (await http.head("/health", headers={"host": "evil.example"})).status_code == 421
    assert (await http.head("/map?sinse=1")).status_code == 422
