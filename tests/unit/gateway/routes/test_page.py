"""The page and its files, in process; and the page's own tests."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from docs.generators import page_types
from services.gateway.adapters.page_folder import read_page
from services.gateway.ports.page import INDEX
from services.gateway.routes.page import build_page_router
from shared.contracts.fetching import LONGEST_LIST
from tests.unit.gateway.in_process import build, client, guarded

PAGE = Path(__file__).parents[4] / "services" / "gateway" / "page"


async def test_the_page_may_load_only_what_is_its_own() -> None:
    async with client(build()) as http:
        answer = await http.get("/")

    policy = answer.headers["content-security-policy"]
    assert (answer.status_code, answer.text) == (200, "<html>")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_files_are_kept_for_ever_and_sent_packed() -> None:
    async with client(build()) as http:
        plain = await http.get("/page/page-1.js", headers={"accept-encoding": "identity"})
        request = http.build_request("GET", "/page/page-1.js")
        packed = await http.send(request, stream=True)
        raw = b"".join([piece async for piece in packed.aiter_raw()])

    assert plain.text == "code"
    assert "immutable" in plain.headers["cache-control"]
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert gzip.decompress(raw) == b"code"
    assert packed.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("name", ["page-2.js", INDEX, "%2e%2e%2fapp.py"])
async def test_nothing_else_is_sent(name: str) -> None:
    async with client(build()) as http:
        assert (await http.get(f"/page/{name}")).status_code == 404


async def test_without_a_page_the_rest_works_and_says_how_to_get_it() -> None:
    async with client(guarded(build_page_router({}))) as http:
        answer = await http.get("/")

    assert answer.status_code == 404
    assert "make page" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_built_page_is_read_with_its_types(tmp_path: Path) -> None:
    assert read_page(tmp_path) == {}
    for name in (INDEX, "a-1.js", "a-1.css", "icon-1.svg", "notes.txt"):
        (tmp_path / name).write_text(name)

    found = read_page(tmp_path)

    assert set(found) == {INDEX, "a-1.js", "a-1.css", "icon-1.svg"}
    assert found["a-1.css"].media_type == "text/css; charset=utf-8"


def test_the_types_of_the_page_are_those_of_the_gateway() -> None:
    assert page_types.FILE.read_text() == page_types.types(), "make readme"


async def test_the_page_asks_only_what_the_openapi_document_has() -> None:
    source = (PAGE / "src" / "api" / "client.ts").read_text()
    block = source.split("export const PATHS = {", 1)[1].split("}\x20as const", 1)[0]
    asked = re.findall(r'"(/[^"]*)"', block)
    async with client(build()) as http:
        document: dict[str, dict[str, object]] = (await http.get("/openapi.json")).json()

    assert len(asked) > 25
    assert set(asked) <= document["paths"].keys()


def test_the_page_takes_lists_of_sources_as_long_as_the_gateway_does() -> None:
    source = (PAGE / "src" / "state" / "manifests.ts").read_text()

    assert LONGEST_LIST == 512 * 1024
    assert "export const MOST_CHARACTERS = 512 * 1024;" in source


def test_the_pages_own_tests_pass() -> None:
    assert (PAGE / "node_modules").exists(), "make setup-dev"
    ran = subprocess.run(
        [str(PAGE / "npm.sh"), "test"], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]


def test_no_lock_names_a_registry() -> None:
    """Whoever installs it uses a registry of their own."""
    lock = (PAGE / "package-lock.json").read_text()

    assert "://" not in lock
    assert '"integrity": "sha512-' in lock
