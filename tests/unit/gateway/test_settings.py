"""What the gateway refuses to start with."""

import hashlib
import json
from pathlib import Path

import pytest

from services.gateway.entrance import build_keyring
from services.gateway.settings import GatewaySection, Settings
from shared.errors import ConfigurationError
from shared.http.keyring import Role
from tests.addresses import EVERY_ADDRESS

TOKEN = "kZ0-a-long-random-token"  # noqa: S105  of no use anywhere


def load(monkeypatch: pytest.MonkeyPatch, **fields: object) -> GatewaySection:
    for name, value in fields.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"MAPSTREAM_GATEWAY__{name.upper()}", text)
    return Settings.load().gateway


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_this_machine_needs_no_tokens(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert not load(monkeypatch, host=host).is_reachable


@pytest.mark.parametrize("host", [EVERY_ADDRESS, "::", "10.0.0.7", "map.example", ""])
def test_others_may_not_reach_it_without_tokens(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, host=host)
    for remedy in ("gateway.tokens", "gateway.allow_anonymous", "127.0.0.1"):
        assert remedy in str(refused.value)

    assert load(monkeypatch, host=host, allow_anonymous=True).is_reachable
    entry = {"name": "ci", "role": "read", "token": TOKEN}
    assert load(monkeypatch, host=host, allow_anonymous=False, tokens=[entry]).tokens


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "short"},
        {"token": TOKEN, "sha256": "0" * 64},
        {},
        {"sha256": "abc"},
        {"token": TOKEN, "role": "admin"},
        {"token": TOKEN, "name": "a\nb"},
        {"token": TOKEN, "expires": "never"},
    ],
    ids=str,
)
def test_a_wrong_token_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, tokens=[{"name": "ci", "role": "read", **wrong}])

    assert "gateway.tokens.0" in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert "short" not in str(refused.value).replace("shorter", "")


def test_a_token_stands_in_the_settings_in_a_file_or_as_a_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"in-{TOKEN}\n")
    digest = hashlib.sha256(f"hashed-{TOKEN}".encode()).hexdigest()
    section = load(
        monkeypatch,
        tokens=[
            {"name": "plain", "role": "read", "token": TOKEN},
            {"name": "file", "role": "operate", "file": str(file)},
            {"name": "hash", "role": "read", "sha256": digest},
        ],
    )
    keyring = build_keyring(section)

    for token, name, role in (
        (TOKEN, "plain", Role.READ),
        (f"in-{TOKEN}", "file", Role.OPERATE),
        (f"hashed-{TOKEN}", "hash", Role.READ),
    ):
        caller = keyring.identify(token)
        assert caller
        assert (caller.name, caller.role) == (name, role)
    assert TOKEN not in repr(section)


@pytest.mark.parametrize("content", [b"short", b"two words that are long enough", b"\xff" * 20])
def test_a_file_without_a_token_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    section = load(monkeypatch, tokens=[{"name": "x", "role": "read", "file": str(file)}])

    with pytest.raises(ConfigurationError, match=r"gateway\.tokens: .*token"):
        build_keyring(section)
    file.unlink()
    with pytest.raises(ConfigurationError, match="No such file"):
        build_keyring(section)


def test_two_tokens_of_one_name_share_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"name": "ci", "role": "read", "token": TOKEN}

    with pytest.raises(ConfigurationError, match="same name"):
        load(monkeypatch, tokens=[entry, {**entry, "token": "x" * 20}])


@pytest.mark.parametrize("origin", ["*", "map.example", "https://map.example/", "null"])
def test_an_origin_has_its_form(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    with pytest.raises(ConfigurationError, match="origin"):
        load(monkeypatch, allowed_origins=[origin])


def test_a_certificate_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="belong together"):
        load(monkeypatch, tls_certificate="cert.pem")


def test_a_proxy_is_an_address_or_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name would be trusted by nobody, and an asterisk would trust everybody."""
    assert load(monkeypatch, trusted_proxies=["10.0.0.0/8", "::1"]).trusted_proxies
    for wrong in ("*", "proxy", "10.0.0.1/8", ""):
        with pytest.raises(ConfigurationError, match="neither an address nor a network"):
            load(monkeypatch, trusted_proxies=[wrong])
