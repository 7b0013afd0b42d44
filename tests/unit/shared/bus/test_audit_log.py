"""Who gave a command: what the server says, never what the message says of itself."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from shared.bus.messages.received import CALLER, USER, Delivery, delivery_of, sign
from shared.bus.publishing.audits import audited
from shared.bus.reading.audit_log import given_by, who_gave
from shared.bus.registry.users import APART
from shared.contracts.audit import MAX_WISH, CommandAudited
from tests.builders import NOW

LIES = st.dictionaries(
    st.sampled_from([USER, CALLER, USER.title(), CALLER.upper(), "Nats-Request-Info"]),
    st.text(max_size=20),
)


def received(subject: str, headers: dict[str, str], *, is_apart: bool = True) -> Delivery:
    raw = Msg(_client=None, subject=subject, headers=headers)  # type: ignore[arg-type]
    return delivery_of(sign(raw, is_apart=is_apart))


@given(st.sampled_from([one for one in APART if one != "gateway"]), LIES)
def test_a_user_is_who_the_server_says(user: str, lies: dict[str, str]) -> None:
    assert who_gave(received(f"by.{user}.command.refit.default", lies)) == user


@given(st.sampled_from(["command.refit.default", "by.operator.command.refit.default"]), LIES)
def test_nobody_is_believed_where_the_server_keeps_no_users_apart(
    subject: str, lies: dict[str, str]
) -> None:
    delivery = received(subject, lies, is_apart=False)

    claimed = lies.get(CALLER)
    assert who_gave(delivery) == (f"local:{claimed}" if claimed else "local")
    assert delivery.subject == "command.refit.default"


@pytest.mark.parametrize(
    ("headers", "who"),
    [({CALLER: "owner"}, "gateway:owner"), ({}, "gateway"), ({USER: "operator"}, "gateway")],
)
def test_the_gateway_is_believed_whose_token_it_was(headers: dict[str, str], who: str) -> None:
    assert who_gave(received("by.gateway.command.drop.c", headers)) == who


@given(st.binary(max_size=3 * MAX_WISH))
def test_whatever_stands_in_a_command_can_be_audited(body: bytes) -> None:
    stored_at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    delivery = Delivery("command.drop.c", body, {}, 7, 1, stored_at)

    told = audited(given_by(delivery), "rejected", NOW, correlation_id=None, reason="why")

    event = CommandAudited.model_validate_json(told.body)
    assert (event.who, event.command, event.collection) == ("local", "command.drop", "c")
    assert event.given_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_second_delivery_is_audited_as_the_same_and_another_command_is_not() -> None:
    def id_of(sequence: int, deliveries: int) -> str:
        delivery = Delivery("command.drop.c", b"", {}, sequence, deliveries, NOW.isoformat())
        return audited(given_by(delivery), "done", NOW, correlation_id="x").message_id

    assert id_of(1, 1) == id_of(1, 2)
    assert id_of(1, 1) != id_of(2, 1)
