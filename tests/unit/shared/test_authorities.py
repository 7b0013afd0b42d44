import ssl
from pathlib import Path

import pytest
import trustme

from services.embedding.app import build
from shared.authorities import named_authorities
from shared.bus.connection import tls_context
from shared.errors import ConfigurationError
from shared.settings import NatsSection


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return file


def test_the_file_that_the_variable_names_is_used(authority: Path) -> None:
    context = named_authorities({"SSL_CERT_FILE": str(authority)})

    assert context
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("variables", [{}, {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}])
def test_without_variables_there_are_none(variables: dict[str, str]) -> None:
    assert named_authorities(variables) is None


def test_a_folder_is_taken_beside_one_that_is_not_there(tmp_path: Path) -> None:
    assert named_authorities({"SSL_CERT_DIR": f"/nowhere:{tmp_path}"})


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SSL_CERT_FILE", "/opt/nothing/cacert.pem", "cannot be read: No such file"),
        ("SSL_CERT_FILE", __file__, "holds no certificate"),
        ("SSL_CERT_FILE", "/", "cannot be read"),
        ("SSL_CERT_DIR", "/nowhere:/nothing", "is no folder"),
        ("SSLKEYLOGFILE", "/nowhere/keys.log", "cannot be written"),
    ],
)
def test_a_variable_that_names_nothing_usable_is_a_mistake_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    """Both for the embedding server and for a bus with TLS by the system's authorities."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", "https://127.0.0.1:9")

    with pytest.raises(ConfigurationError, match=rf"{variable}: .*{words}.*unset the variable"):
        build()
    with pytest.raises(ConfigurationError, match=variable):
        tls_context(NatsSection(url="tls://bus:4222"))


def test_where_no_tls_is_spoken_nobody_minds(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.setenv(variable, "/nowhere/at/all")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", "http://127.0.0.1:9")

    assert build().name == "embedding"
    assert tls_context(NatsSection(url="nats://bus:4222")) is None
