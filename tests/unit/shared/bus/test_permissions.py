from pathlib import Path

import pytest

from shared.bus.channels import CHANNELS
from shared.bus.durables import DURABLES
from shared.bus.permissions import nats_users, users

ROOT = Path(__file__).parents[4]
WORK = {channel.family for channel in CHANNELS if "anybody" not in channel.consumers}


def test_the_users_of_the_server_are_fresh() -> None:
    """Permissions that lag behind the table stop a service, or let somebody in."""
    written = (ROOT / "deploy" / "nats" / "users.conf").read_text()

    assert nats_users(["default"]) == written, "run: make readme"


def test_every_channel_has_a_user_that_may_publish_it() -> None:
    told = {subject for user in users(["default"]) for subject in user.publishes}

    assert {channel.every_subject for channel in CHANNELS} <= told


def test_every_durable_consumer_has_exactly_one_user_that_pulls_from_it() -> None:
    for durable in DURABLES:
        for collection in ("one", "two"):
            pull = f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{durable.name(collection)}"
            pulling = [one.name for one in users(["one", "two"]) if pull in one.publishes]
            assert pulling == [durable.service]


@pytest.mark.parametrize("name", ["discovery", "embedding", "projection", "writing", "observer"])
def test_no_wildcard_lets_a_user_at_others_consumers(name: str) -> None:
    (user,) = [one for one in users(["default"]) if one.name == name]

    for subject in user.publishes:
        if subject.startswith("$JS"):
            assert "*" not in subject, subject
            assert not subject.startswith("$JS.API.CONSUMER.CREATE"), subject


def test_the_observer_has_nothing_of_the_work_between_the_stages() -> None:
    (observer,) = [one for one in users(["default"]) if one.name == "observer"]

    assert not {subject.removesuffix(".*") for subject in observer.subscribes} & WORK
    assert not observer.is_asked


def test_no_password_is_written_down() -> None:
    passwords = [line for line in nats_users(["default"]).splitlines() if "password:" in line]

    assert len(passwords) == len(users(["default"]))
    assert all(line.split(": ")[1].startswith("$NATS_") for line in passwords)
