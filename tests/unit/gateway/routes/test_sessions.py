"""Signing in with a cookie, in process."""

from collections.abc import AsyncIterator

import httpx
import pytest

from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from tests.unit.gateway.in_process import build, client

TOKENS = {role: f"a-token-that-may-{role}" for role in Role}
KEYRING = Keyring(
    Credential(Caller(f"the-{role}er", role), digest_of(token)) for role, token in TOKENS.items()
)
OWN = {"sec-fetch-site": "same-origin"}
REFIT = "/recompute-projection"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(build(keyring=KEYRING)) as made:
        yield made


async def sign_in(http: httpx.AsyncClient, role: Role = Role.OPERATE) -> httpx.Response:
    return await http.post("/session", json={"token": TOKENS[role]}, headers=OWN)


async def test_a_cookie_takes_the_place_of_the_header(http: httpx.AsyncClient) -> None:
    assert (await http.get("/collections")).status_code == 401
    before = (await http.get("/session")).json()
    told = (await sign_in(http, Role.READ)).json()

    assert before == {"needs_token": True, "name": None, "role": None}
    assert told == {"needs_token": True, "name": "the-reader", "role": "read"}
    assert (await http.get("/session")).json() == told
    assert (await http.get("/collections")).status_code == 200


async def test_no_script_and_no_other_site_gets_the_cookie(http: httpx.AsyncClient) -> None:
    cookie = (await sign_in(http)).headers["set-cookie"]

    name, *attributes = cookie.split("; ")
    assert name.startswith("mapstream-8000=")
    assert TOKENS[Role.OPERATE] not in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes


async def test_over_tls_the_cookie_is_for_tls_only() -> None:
    app = build(keyring=KEYRING)
    async with client(app, base_url="https://127.0.0.1:8443") as http:
        cookie = (await sign_in(http)).headers["set-cookie"]
        assert cookie.startswith("mapstream-8443=")
        assert "; Secure" in cookie


async def test_gateways_of_one_host_do_not_share_a_cookie(http: httpx.AsyncClient) -> None:
    """Browsers keep cookies by host; a second gateway would be sent the first one's token."""
    await sign_in(http)

    answer = await http.get("/collections", headers={"host": "127.0.0.1:9000"})
    assert answer.status_code == 401


@pytest.mark.parametrize("site", [None, "none", "same-site", "cross-site"])
async def test_a_cookie_changes_something_only_from_our_own_page(
    http: httpx.AsyncClient, site: str | None
) -> None:
    """Another port of this host is of the same site: there the browser does send the cookie."""
    await sign_in(http)
    headers = {"sec-fetch-site": site} if site else {}

    assert (await http.post(REFIT, json={}, headers=headers)).status_code == 403
    assert (await http.post(REFIT, json={}, headers=OWN)).status_code not in (401, 403)


async def test_the_header_needs_no_page(http: httpx.AsyncClient) -> None:
    headers = {"authorization": f"Bearer {TOKENS[Role.OPERATE]}"}

    assert (await http.post(REFIT, json={}, headers=headers)).status_code not in (401, 403)


async def test_a_cookie_has_the_role_of_its_token(http: httpx.AsyncClient) -> None:
    await sign_in(http, Role.READ)

    assert (await http.post(REFIT, json={}, headers=OWN)).status_code == 403


async def test_an_unknown_token_is_refused_and_kept_nowhere(http: httpx.AsyncClient) -> None:
    answer = await http.post("/session", json={"token": "nobody-has-this-one"}, headers=OWN)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("site", [None, "same-site", "cross-site"])
async def test_no_other_page_signs_anybody_in_or_out(
    http: httpx.AsyncClient, site: str | None
) -> None:
    """A page that signed its reader in with its own token would see what the reader then does."""
    headers = {"sec-fetch-site": site} if site else {}
    body = {"token": TOKENS[Role.READ]}

    assert (await http.post("/session", json=body, headers=headers)).status_code == 403
    assert (await http.delete("/session", headers=headers)).status_code == 403


async def test_a_cookie_of_yesterday_lets_one_sign_in_again(http: httpx.AsyncClient) -> None:
    """A token that was taken away must not keep its owner from giving another."""
    for value in ("bm9ib2R5LWhhcy10aGlz", "%%%", "=;=", "__8="):
        cookie = {"cookie": f"mapstream-8000={value}"}
        assert (await http.get("/", headers=cookie)).status_code == 200
        assert (await http.get("/session", headers=cookie)).json()["role"] is None
        assert (await http.get("/collections", headers=cookie)).status_code == 401
        body = {"token": TOKENS[Role.READ]}
        answer = await http.post("/session", json=body, headers=OWN | cookie)
        assert answer.status_code == 200
        http.cookies.clear()


async def test_signing_out_ends_it(http: httpx.AsyncClient) -> None:
    await sign_in(http)

    told = await http.delete("/session", headers=OWN)
    assert told.json()["role"] is None
    assert (await http.get("/collections")).status_code == 401


async def test_without_tokens_everybody_is_in() -> None:
    async with client(build()) as http:
        everybody = {"needs_token": False, "name": None, "role": "operate"}
        assert (await http.get("/session")).json() == everybody
        answer = await sign_in(http)
        assert answer.json() == everybody
        assert "set-cookie" not in answer.headers
