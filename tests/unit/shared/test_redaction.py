"""No secret that is known, and nothing that looks like one, stays in a text."""

import base64
import html
import json
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.redaction import HIDDEN, Redactor, redact_all, secrets_in, secrets_of_url
from tests.waiting import PATIENCE_S

PLANTED = 'tr0ub4dor/+&"é'
WAYS = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON with all letters": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "escaped": lambda text: text.encode("unicode_escape").decode(),
    "percent": lambda text: quote(text, safe=""),
    "percent, slashes left": quote,
    "a form": quote_plus,
    "HTML": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "basic, longer": lambda text: base64.b64encode(f"users:{text}".encode()).decode(),
    "basic, longest": lambda text: base64.b64encode(f"a user:{text}".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}
long_enough = st.text(min_size=8, max_size=60).filter(lambda text: len(text.strip()) >= 8)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_known_secret_is_replaced_however_it_is_written(way: object) -> None:
    redactor = Redactor()
    redactor.register(PLANTED)

    told = redactor.redact(f"the server said <{way(PLANTED)}> twice {way(PLANTED)}")  # type: ignore[operator]

    assert HIDDEN in told
    for other in WAYS.values():
        assert other(PLANTED)[3:-3] not in told


@given(long_enough, st.text(max_size=40), st.text(max_size=40))
def test_no_known_secret_stays_anywhere(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.register(secret)

    told = redactor.redact(f"{before}{secret}{after}")

    assert secret not in told.replace(HIDDEN, "\N{REPLACEMENT CHARACTER}")


@given(long_enough, st.text(max_size=60))
def test_a_text_without_secrets_stays_as_it_is(secret: str, text: str) -> None:
    """Made of characters that neither a URL nor a secret's forms have."""
    plain = "".join(one for one in text if one not in secret and one not in "@=-:.").lower()
    redactor = Redactor()
    redactor.register("S" * 8 + secret)

    assert redactor.redact(plain) == plain


@given(st.text() | st.from_regex(r"(https?://\w{1,5}:\w{1,5}@h/\?key=\w+ )?(Bearer sk-\w+)?"))
def test_twice_is_once(text: str) -> None:
    redactor = Redactor()
    redactor.register("a known secret")

    once = redactor.redact(text)

    assert redactor.redact(once) == once


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://me:pass@host:1/path", "http://***@host:1/path"),  # pragma: allowlist secret
        ("nats://t0ken@host,nats://u:p@other", "nats://***@host,nats://***@other"),
        ("https://u:p@ss@host/", "https://***@host/"),  # pragma: allowlist secret
        ("https://host/v1?a=1&api-key=abc&b=2#f", "https://host/v1?a=1&api-key=***&b=2#f"),
        ("https://host/?key=abc", "https://host/?key=***"),
        ("{'Authorization': 'Bearer abcdefgh'}", "{'Authorization': 'Bearer ***'}"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("wrong bearer abcdefgh123=", "wrong bearer ***"),
        ("Incorrect API key provided: sk-test-0000.", "Incorrect API key provided: sk-***."),
        (
            # pragma: allowlist nextline secret
            "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\n!",
            "***\n!",
        ),
    ],
)
def test_what_has_the_shape_of_a_secret_is_replaced_though_nobody_knows_it(
    text: str, told: str
) -> None:
    assert Redactor().redact(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "a token is needed: Authorization: Bearer TOKEN; setting gateway.tokens lists them",
        "http://host/a@b/c",
        "mail me@host about https://host/",
        "tasks-2024-reports and task-force-2024",
        "the bearer certificates, basic understanding",
        "?keyboard=qwerty",
    ],
)
def test_what_only_resembles_a_secret_stays(text: str) -> None:
    assert Redactor().redact(text) == text


def test_a_short_secret_is_replaced_where_it_stands_alone_and_a_tiny_one_nowhere() -> None:
    redactor = Redactor()
    redactor.register("mole", "abc", "", None)

    assert redactor.redact("a molecule, a 'mole', abc") == "a molecule, a '***', abc"


def test_a_secret_with_a_line_end_is_known_without_it_too() -> None:
    redactor = Redactor()
    redactor.register("sesame-sesame\r\n")

    assert redactor.redact("sesame-sesame / 'sesame-sesame\\r\\n'") == "*** / '***'"


def test_values_are_walked_and_names_stay() -> None:
    value = {"sk-test-0000": ["Bearer abcdefgh1", 3, None, {"b": ("sk-test-0000",)}]}

    assert redact_all(value) == {"sk-test-0000": ["Bearer ***", 3, None, {"b": ["sk-***"]}]}


def test_secrets_are_found_by_the_names_and_the_urls_of_settings() -> None:
    settings = {
        "nats": {
            "url": "nats://a:one@h:1,nats://two@h:2",  # pragma: allowlist secret
            "password": "three",  # pragma: allowlist secret
            "tls_key": "a.pem",
        },
        "gateway": {"tokens": [{"name": "n", "token": "four"}, {"file": "/f", "sha256": "0"}]},
        "embedding": {"url": "https://h/?api-version=2&key=five", "api_key": 66666, "model": "m"},
        "log": None,
    }

    assert set(secrets_in(settings)) == {"one", "two", "three", "four", "five", "66666"}


@given(st.text("abc/:", max_size=9), st.text("xyz:@%", min_size=1, max_size=9), st.booleans())
def test_the_password_of_a_url_is_found(name: str, password: str, has_path: bool) -> None:
    name = name.replace(":", "").replace("/", "")
    url = f"https://{name}:{password}@host" + ("/a?b=c" if has_path else "")

    assert list(secrets_of_url(url)) == [password]


PROGRAM = """
import structlog, sys, threading, logging
from shared.observability.logs import set_up_logs
from shared.redaction import guard_exceptions, register

register("open sesame!")
guard_exceptions()
set_up_logs("here", style="{style}")
log = structlog.get_logger("here")
log.error("it.failed", reason="said open sesame!", facts={{"a": ["open sesame!"]}})
logging.getLogger("foreign").error("foreign %r", "open sesame!")
try:
    raise ValueError("open sesame!")
except ValueError as error:
    log.error("it.failed", exc_info=error)
thread = threading.Thread(target=lambda: 1 / int("open sesame!"))
thread.start()
thread.join()
class Odd:
    def __del__(self):
        raise ValueError("open sesame!")
Odd()
raise RuntimeError("open sesame!") from KeyError("open sesame!")
"""


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_log_line_and_no_traceback_of_a_process_tells_a_secret(style: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(style=style)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "sesame" not in done.stderr + done.stdout
    assert done.stderr.count(HIDDEN) >= 8
    assert f"RuntimeError: {HIDDEN}" in done.stderr


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    ["a.", "sk-", "bearer ", "?key", "&a-", "authorization: ", "a://@", "x://a@", "-----BEGIN ",
     "-----BEGIN PRIVATE KEY-----", "known-", "aaaaaaa=", "\"'"],  # pragma: allowlist secret
)  # fmt: skip
def test_no_text_takes_time_by_its_square(unit: str) -> None:
    """A server chooses its words: these once took an hour."""
    redactor = Redactor()
    redactor.register("known-and-of-some-length")

    assert redactor.redact(unit * (400_000 // len(unit)))


def test_the_password_of_a_url_that_is_none_is_found_as_well() -> None:
    found = list(secrets_of_url("http://user:first-4711@[half?v=1&key=second-4711"))

    assert found == ["first-4711", "second-4711"]
