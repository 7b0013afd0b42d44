from pathlib import Path

import pytest

from shared.bus.accounts import nats_accounts
from shared.bus.permissions import User, users
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.users import APART, STREAMS_USER, account_of, signed, unsigned

ROOT = Path(__file__).parents[4]
WORK = {channel.family for channel in CHANNELS if "anybody" not in channel.consumers}
DANGEROUS = (
    "STREAM.CREATE", "STREAM.UPDATE", "CONSUMER.CREATE", "CONSUMER.DURABLE", "CONSUMER.DELETE",
)  # fmt: skip


def user_named(name: str) -> User:
    (user,) = [one for one in users() if one.name == name]
    return user


def test_the_users_of_the_server_are_fresh() -> None:
    """Permissions that lag behind the table stop a service, or let somebody in."""
    written = (ROOT / "deploy" / "nats" / "users.conf").read_text()

    assert nats_accounts() == written, "run: make readme"


def test_every_user_has_an_account_of_its_own() -> None:
    """Two in one account could have each other's requests answered to each other."""
    names = [user.name for user in users()]

    assert set(names) == {*APART, STREAMS_USER}
    assert len({account_of(name) for name in names}) == len(names)


def test_every_channel_has_a_user_that_may_publish_it() -> None:
    told = {subject for user in users() for subject in user.publishes}

    assert {channel.every_subject for channel in CHANNELS} <= told


SHARED = {"SETTLED": {"projection", "discovery"}}
"""Streams whose readers could read for each other."""


def allows(user: User, subject: str) -> bool:
    return any(is_within(subject, one) for one in user.api)


def is_within(subject: str, pattern: str) -> bool:
    tokens, places = subject.split("."), pattern.split(".")
    if places[-1] == ">":
        return len(tokens) >= len(places) and is_within(
            ".".join(tokens[: len(places) - 1]), ".".join(places[:-1])
        )
    return len(tokens) == len(places) and all(
        place in (token, "*") for token, place in zip(tokens, places, strict=True)
    )


def test_the_consumers_of_every_collection_are_pulled_from_by_their_service_alone() -> None:
    for durable in DURABLES:
        for collection in ("default", "made-while-all-runs"):
            pull = f"CONSUMER.MSG.NEXT.{durable.stream}.{durable.name(collection)}"
            pulling = {one.name for one in users() if allows(one, pull)}
            assert pulling == SHARED.get(durable.stream, {durable.service})


def test_a_stream_has_one_service_that_reads_it_where_readers_are_not_told_apart() -> None:
    """So a wildcard over its consumers gives nobody those of another service."""
    readers: dict[str, set[str]] = {}
    for durable in DURABLES:
        if durable.is_per_collection:
            readers.setdefault(durable.stream, set()).add(durable.service)
        else:
            assert f"CONSUMER.MSG.NEXT.{durable.stream}.*" not in {
                verb for user in users() for verb in user.api
            }

    assert {stream: them for stream, them in readers.items() if len(them) > 1} == SHARED


@pytest.mark.parametrize("name", APART)
def test_only_who_declares_makes_streams_and_only_discovery_consumers_too(name: str) -> None:
    """A consumer delivers, and a stream republishes, to whatever subject it is told."""
    made = {one for one in user_named(name).api if one.startswith(DANGEROUS)}
    of_collections = {one.stream for one in DURABLES if one.is_per_collection}
    verbs = ("CONSUMER.DURABLE.CREATE", "CONSUMER.DELETE")
    consumers = {f"{verb}.{stream}.*" for verb in verbs for stream in of_collections}

    assert made == (consumers if name == "discovery" else set())
    assert "COMMANDS" not in of_collections
    assert [one for one in user_named(STREAMS_USER).api if one.startswith(DANGEROUS)]


def test_the_observer_has_nothing_of_the_work_between_the_stages() -> None:
    observer = user_named("observer")

    assert not {subject.removesuffix(".*") for subject in observer.subscribes} & WORK
    assert not observer.answers
    assert not observer.says
    assert not observer.commands


def test_no_password_is_written_down() -> None:
    text = nats_accounts()
    passwords = [line for line in text.splitlines() if "password:" in line]

    assert len(passwords) == len(users())
    assert all(line.split(": ")[1].startswith("$NATS_") for line in passwords)


def test_a_signature_is_taken_off_as_it_was_put_on() -> None:
    assert unsigned(signed("gateway", "command.refit.a")) == ("gateway", "command.refit.a")
    assert unsigned("command.refit.by") == (None, "command.refit.by")
