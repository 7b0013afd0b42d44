from pathlib import Path

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.embedding.settings import Settings as EmbeddingSettings
from services.gateway.adapters.token_file import read_token
from services.gateway.settings import Settings as GatewaySettings
from services.text2vec.settings import Settings as Text2vecSettings
from shared.bearer import check_key, check_password
from shared.errors import ConfigurationError
from shared.settings import ServiceSettings

COPIED = {
    "sk-planted-0000\r": "ends with a line end (U+000D)",
    "sk-planted-0000\n": "ends with a line end (U+000A)",
    "\u201csk-planted-0000": "begins with LEFT DOUBLE QUOTATION MARK (U+201C)",
    "sk-planted\u20130000": "holds EN DASH (U+2013)",
    "sk-planted 0000": "holds SPACE (U+0020)",
    "\ufeffsk-planted-0000": "begins with ZERO WIDTH NO-BREAK SPACE (U+FEFF)",
    "sk-planted-0000\x07": "ends with U+0007",
}
FIELDS = [
    (EmbeddingSettings, "MAPSTREAM_EMBEDDING__API_KEY"),
    (Text2vecSettings, "MAPSTREAM_TEXT2VEC__API_KEY"),
]


@pytest.mark.parametrize(("kind", "variable"), FIELDS, ids=lambda one: str(one)[-20:])
@pytest.mark.parametrize("key", COPIED, ids=COPIED.values())
def test_a_key_that_no_header_can_hold_is_refused_by_name_and_not_told(
    monkeypatch: pytest.MonkeyPatch, kind: type[ServiceSettings], variable: str, key: str
) -> None:
    monkeypatch.setenv(variable, key)

    with pytest.raises(ConfigurationError) as told:
        kind.load()

    assert variable in str(told.value)
    assert COPIED[key] in str(told.value)
    assert "planted" not in str(told.value)


def test_so_is_a_token_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "MAPSTREAM_GATEWAY__TOKENS",
        '[{"name": "a", "role": "read", "token": "planted-token-0001\\n"}]',
    )

    with pytest.raises(ConfigurationError, match="ends with a line end") as told:
        GatewaySettings.load()

    assert "planted" not in str(told.value)


def test_so_is_a_password_of_the_bus_with_a_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTREAM_NATS__PASSWORD", "pass word \u201cplanted\u201d")
    assert ServiceSettings.load().nats.password

    monkeypatch.setenv("MAPSTREAM_NATS__PASSWORD", "planted\r")
    with pytest.raises(ConfigurationError, match=r"PASSWORD: .*ends with a line end") as told:
        ServiceSettings.load()

    assert "planted" not in str(told.value)


@pytest.mark.parametrize(
    "content", ["a-token-of-some-length\r\n", " \ufeffa-token-of-some-length"]
)
def test_what_surrounds_a_secret_in_a_file_is_not_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    file = tmp_path / "key"
    file.write_text(content.strip(" "), newline="")
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__API_KEY_FILE", str(file))

    key = EmbeddingSettings.load().embedding.api_key

    assert key
    assert key.get_secret_value() == "a-token-of-some-length"
    assert read_token(file, shortest=16) == "a-token-of-some-length"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a token of some length", "holds SPACE"),
        (b"\xff\xfea\x00", "it is no text"),
        (b"\n", "is empty"),
        (b"short", "at least 16"),
        (None, "cannot be read"),
    ],
)
def test_a_file_without_a_token_is_named(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=words) as told:
        read_token(file, shortest=16)

    assert str(file) in str(told.value)


def test_a_key_and_a_login_in_the_url_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://me:planted@host"  # pragma: allowlist secret
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__API_KEY", "planted")

    with pytest.raises(ConfigurationError, match="give one of them") as told:
        EmbeddingSettings.load()

    assert "planted" not in str(told.value)


@given(st.text(min_size=1, max_size=20))
def test_what_is_accepted_can_be_sent(key: str) -> None:
    try:
        check_key(SecretStr(key))
    except ValueError:
        return

    h11.Request(
        method="GET", target="/", headers=[("host", "h"), ("authorization", f"Bearer {key}")]
    )


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_a_password_may_hold_any_visible_character(password: str) -> None:
    secret = SecretStr(password)

    assert check_password(secret) is secret
