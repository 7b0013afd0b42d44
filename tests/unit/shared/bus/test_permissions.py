from pathlib import Path

import pytest

from shared.bus.accounts import nats_accounts
from shared.bus.permissions import User, users
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.users import APART, STREAMS_USER, account_of, signed, unsigned

ROOT = Path(__file__).parents[4]
WORK = {channel.family for channel in CHANNELS if "anybody" not in channel.consumers}
DANGEROUS = ("STREAM.CREATE", "STREAM.UPDATE", "CONSUMER.CREATE", "CONSUMER.DURABLE")


def user_named(name: str) -> User:
    (user,) = [one for one in users(["default"]) if one.name == name]
    return user


def test_the_users_of_the_server_are_fresh() -> None:
    """Permissions that lag behind the table stop a service, or let somebody in."""
    written = (ROOT / "deploy" / "nats" / "users.conf").read_text()

    assert nats_accounts(["default"]) == written, "run: make readme"


def test_every_user_has_an_account_of_its_own() -> None:
    """Two in one account could have each other's requests answered to each other."""
    names = [user.name for user in users(["default"])]

    assert set(names) == {*APART, STREAMS_USER}
    assert len({account_of(name) for name in names}) == len(names)


def test_every_channel_has_a_user_that_may_publish_it() -> None:
    told = {subject for user in users(["default"]) for subject in user.publishes}

    assert {channel.every_subject for channel in CHANNELS} <= told


def test_every_durable_consumer_has_exactly_one_user_that_pulls_from_it() -> None:
    for durable in DURABLES:
        for collection in ("one", "two"):
            pull = f"CONSUMER.MSG.NEXT.{durable.stream}.{durable.name(collection)}"
            pulling = [one.name for one in users(["one", "two"]) if pull in one.api]
            assert pulling == [durable.service]


@pytest.mark.parametrize("name", APART)
def test_only_who_declares_makes_streams_and_consumers(name: str) -> None:
    """A consumer delivers, and a stream republishes, to whatever subject it is told."""
    assert not [one for one in user_named(name).api if one.startswith(DANGEROUS)]
    assert [one for one in user_named(STREAMS_USER).api if one.startswith(DANGEROUS)]


@pytest.mark.parametrize("name", ["discovery", "embedding", "projection", "writing", "observer"])
def test_no_wildcard_lets_a_user_at_others_consumers(name: str) -> None:
    assert not [one for one in user_named(name).api if "*" in one or ">" in one]


def test_the_observer_has_nothing_of_the_work_between_the_stages() -> None:
    observer = user_named("observer")

    assert not {subject.removesuffix(".*") for subject in observer.subscribes} & WORK
    assert not observer.answers
    assert not observer.says
    assert not observer.commands


def test_no_password_is_written_down() -> None:
    text = nats_accounts(["default"])
    passwords = [line for line in text.splitlines() if "password:" in line]

    assert len(passwords) == len(users(["default"]))
    assert all(line.split(": ")[1].startswith("$NATS_") for line in passwords)


def test_a_signature_is_taken_off_as_it_was_put_on() -> None:
    assert unsigned(signed("gateway", "command.refit.a")) == ("gateway", "command.refit.a")
    assert unsigned("command.refit.by") == (None, "command.refit.by")
