import socket

import pytest

from services.text2vec.adapters.static_text_encoder import StaticTextEncoder
from services.text2vec.app import load_encoder, main
from services.text2vec.settings import Settings
from shared.errors import ConfigurationError
from shared.http.server import open_socket


def test_the_environment_sets_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTREAM_TEXT2VEC__PORT", "9000")
    monkeypatch.setenv("MAPSTREAM_TEXT2VEC__MODEL", "minilm")
    monkeypatch.setenv("MAPSTREAM_TEXT2VEC__API_KEY", "secret")

    section = Settings.load().text2vec

    assert (section.host, section.port, section.model) == ("127.0.0.1", 9000, "minilm")
    assert "secret" not in repr(section)


def test_the_default_model_is_the_shipped_one() -> None:
    assert isinstance(load_encoder(Settings.load().text2vec), StaticTextEncoder)


def test_each_wrong_setting_is_a_line_and_ends_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAPSTREAM_TEXT2VEC__PORT", "99999")
    monkeypatch.setenv("MAPSTREAM_TEXT2VEC__MODEL", "huge")

    code = main()

    message = capsys.readouterr().err
    assert code == 2
    assert message.startswith("mapstream: ")
    assert message.count("\n") == 2
    assert "text2vec.port" in message
    assert "text2vec.model" in message


def test_an_unknown_argument_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/there/services/text2vec/__main__.py", "--nonsense"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert "unknown argument '--nonsense'" in capsys.readouterr().err


def test_a_taken_port_is_a_configuration_error() -> None:
    with open_socket("127.0.0.1", 0, "text2vec") as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError, match=f"text2vec.port: .*127.0.0.1:{port}"):
            open_socket("127.0.0.1", port, "text2vec")


def test_the_socket_says_that_it_is_tcp() -> None:
    """asyncio leaves Nagle's algorithm on otherwise, and every answer takes 40 ms."""
    with open_socket("127.0.0.1", 0, "text2vec") as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_an_unknown_host_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(ConfigurationError, match="Name or service not known"):
        open_socket("nowhere.invalid", 0, "text2vec")
