import pytest
from pydantic import SecretStr

from shared.bus.connection import client_options, inbox_prefix, servers, without_password
from shared.settings import NatsSection


def test_several_servers_stand_with_commas_between_them() -> None:
    section = NatsSection(url="nats://a:4222, nats://b:4222,")

    assert servers(section) == ["nats://a:4222", "nats://b:4222"]


@pytest.mark.parametrize(
    ("section", "prefix"),
    [
        (NatsSection(), "_INBOX"),
        (NatsSection(user="writing"), "_INBOX.writing"),
        (NatsSection(url="nats://writing:x@h,nats://other:y@h"), "_INBOX.writing"),
        (NatsSection(url="nats://token@h"), "_INBOX"),
        (NatsSection(user="a.b>"), "_INBOX"),
    ],
    ids=["nobody", "user", "address", "token", "no token of a subject"],
)
def test_answers_come_to_an_inbox_of_the_user(section: NatsSection, prefix: str) -> None:
    """A token is a secret and must not become part of subjects."""
    assert inbox_prefix(section) == prefix


def test_without_an_authority_tls_is_the_servers_choice() -> None:
    options = client_options(NatsSection(user="writing", password=SecretStr("x")))

    assert "tls" not in options
    assert (options["user"], options["password"]) == ("writing", "x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://user:secret@host:4222", "nats://host:4222"),  # pragma: allowlist secret
        ("tls://secret@host,nats://u:p@other:1", "tls://host,nats://other:1"),
        ("nats://host", "nats://host"),
        ("host:4222", "host:4222"),
    ],
)
def test_addresses_are_shown_without_passwords(url: str, shown: str) -> None:
    assert without_password(url) == shown
