import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.proxies import choose_proxy, is_excepted
from shared.errors import ConfigurationError

URL = "https://models.example:8443/api"
PROXY = "http://127.0.0.1:3128"


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": "127.0.0.1:3128"}, PROXY),
        ({"HTTPS_PROXY": "http://other:1", "https_proxy": PROXY}, PROXY),
        ({"all_proxy": PROXY}, PROXY),
        ({"https_proxy": PROXY, "ALL_PROXY": "socks5://127.0.0.1:1080"}, PROXY),
        ({"https_proxy": " ", "ALL_PROXY": PROXY}, PROXY),
        ({"http_proxy": PROXY}, None),
        ({"https_proxy": PROXY, "no_proxy": "localhost,[::1]"}, PROXY),
        ({"https_proxy": PROXY, "NO_PROXY": "a, example"}, None),
        ({"ALL_PROXY": "socks5://h:1", "no_proxy": "models.example"}, None),
    ],
)
def test_a_proxy_is_chosen_as_everybody_does(variables: dict[str, str], proxy: str | None) -> None:
    assert choose_proxy(URL, variables) == proxy


def test_without_tls_no_proxy_is_used() -> None:
    assert choose_proxy("http://h", {"ALL_PROXY": "socks5://127.0.0.1:1080"}) is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080 is a proxy of a kind"),
        (
            "all_proxy",
            "socks://me:hidden@127.0.0.1:7891/",  # pragma: allowlist secret
            "socks://127.0.0.1:7891 is a proxy",
        ),
        ("https_proxy", "http://me:hidden@host:port", "is no address"),  # pragma: allowlist secret
        ("HTTPS_PROXY", "http://:3128", "is no address"),
        ("HTTPS_PROXY", "http://[::1", "is no address"),
        ("HTTPS_PROXY", "http://ho\x01st:3128", "is no address"),
        ("HTTPS_PROXY", "http://ho\u200bst:3128", "is no address"),
        ("HTTPS_PROXY", "http://ho st:3128", "is no address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_login(
    name: str, value: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as told:
        choose_proxy(URL, {name: value})

    assert words in str(told.value)
    assert "put models.example into NO_PROXY" in str(told.value)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "entry", "is_fitting"),
    [
        ("https://[::1]:8443", "[::1]", True),
        ("https://[::1]:8443", "::1", True),
        ("https://[::1]:8443", "[::1]:8443", True),
        ("https://[::1]:8443", "[::1]:1", False),
        ("https://[fd00::5]", "fd00::/8", True),
        ("https://[fe00::5]", "fd00::/8", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://10.1.2.3", "2.3", False),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://a.example", "example", True),
        ("https://a.example", ".example", True),
        ("https://a.example", "*.example", True),
        ("https://A.Example.", "a.EXAMPLE", True),
        ("https://example", ".example", True),
        ("https://bexample", "example", False),
        ("https://a.example:444", "example:444", True),
        ("https://a.example", "example:443", True),
        ("https://a.example", "example:444", False),
        ("https://a.example", "*", True),
        ("https://a.example", "[", False),
        ("https://a.example", ":", False),
    ],
)
def test_what_is_reached_directly(url: str, entry: str, is_fitting: bool) -> None:
    assert is_excepted(url, [entry]) == is_fitting


@given(st.text(), st.sampled_from(["https://a.example", "https://[::1]:8", "https://10.0.0.1"]))
def test_no_entry_is_an_obstacle(entry: str, url: str) -> None:
    assert is_excepted(url, [entry]) in {True, False}
