"""Requests to addresses, in the name of hosts."""

import httpx
from hypothesis import given
from hypothesis import strategies as st

from services.courier.adapters.httpx_web import HttpxWeb
from services.courier.adapters.system_resolver import SystemResolver
from services.courier.domain.targets import TargetError, parse_target
from services.courier.ports import RefusedError

WEB = HttpxWeb(SystemResolver())
CLIENT = httpx.AsyncClient(trust_env=False)
PARTS = st.text(st.sampled_from("aé%-._:/?#[]@1\\xn\u202e&=+~!$'()*,;|^`{}\"<>"), max_size=20)


@given(st.sampled_from(("http://", "https://", "http://xn--")), PARTS, PARTS)
def test_a_url_leads_to_the_address_that_was_looked_at_or_is_refused(
    scheme: str, host: str, rest: str
) -> None:
    try:
        target = parse_target(f"{scheme}{host}/{rest}")
        request = WEB._request(CLIENT, target, "192.0.2.1", {})
    except (TargetError, RefusedError):
        return

    assert request.url.host == "192.0.2.1"
    assert request.url.userinfo == b""
    assert "@" not in request.headers["host"]


def test_an_address_of_ipv6_is_one() -> None:
    request = WEB._request(CLIENT, parse_target("https://example.org:8/a"), "2606:4700::1", {})

    assert str(request.url) == "https://[2606:4700::1]:8/a"
    assert request.headers["host"] == "example.org:8"
    assert request.extensions["sni_hostname"] == "example.org"
