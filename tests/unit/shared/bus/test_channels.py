import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import DiscardPolicy, RetentionPolicy

from shared.bus.consumers import consumer_config
from shared.bus.registry import commands
from shared.bus.registry.audit import ANSWERING
from shared.bus.registry.channel import (
    ANYBODY,
    COLLECTION,
    Channel,
    check_collection,
    is_collection,
    split_subject,
)
from shared.bus.registry.channels import BY_FAMILY, CHANNELS
from shared.bus.registry.durables import (
    DURABLES,
    Durable,
)
from shared.bus.registry.streams import BY_NAME, STREAMS, streams_of
from shared.contracts.base import Event
from shared.contracts.batches import ARROW
from shared.contracts.commands import COMMANDS
from shared.errors import ConfigurationError
from shared.services import ON_BUS, READERS
from shared.settings import NatsSection, RetentionSection

TOKEN = re.compile(r"[a-z][a-z_]*")
CONSUMER = re.compile(r"[a-z0-9_-]+")
LONGEST = "a" * 63


def test_every_service_that_reads_a_channel_stands_in_the_table() -> None:
    for durable in DURABLES:
        for channel in durable.channels:
            assert durable.service in channel.consumers, (durable.reads, channel.family)


def test_every_service_in_the_table_reads_the_channel() -> None:
    for channel in CHANNELS:
        readers = {one.service for one in DURABLES if channel in one.channels}
        assert set(channel.consumers) - {"anybody"} == readers, channel.family


def test_no_two_services_share_a_work_queue() -> None:
    """The server refuses a second consumer of a subject of a work queue."""
    for channel in CHANNELS:
        if BY_NAME[channel.stream].retention == RetentionPolicy.WORK_QUEUE:
            assert sum(channel in one.channels for one in DURABLES) == 1, channel.family


def test_every_channel_has_its_stream_and_every_stream_a_channel() -> None:
    assert {channel.stream for channel in CHANNELS} == {stream.name for stream in STREAMS}


def test_families_are_two_tokens_and_unique() -> None:
    families = [channel.family for channel in CHANNELS]

    assert len(set(families)) == len(families)
    for family in families:
        first, second = family.split(".")
        assert TOKEN.fullmatch(first)
        assert TOKEN.fullmatch(second)


def test_the_subjects_of_streams_do_not_overlap() -> None:
    subjects = [subject for stream in STREAMS for subject in stream.subjects]

    assert len(set(subjects)) == len(subjects)
    plain = [subject for subject in subjects if not subject.startswith("by.*.command.")]
    assert all(subject.count(".") == 2 and subject.endswith(".*") for subject in plain)
    assert {subject.removeprefix("by.*.") for subject in set(subjects) - set(plain)} == {
        channel.every_subject for channel in CHANNELS if channel.producer == "anybody"
    }


def test_names_of_streams_and_consumers_are_valid_and_unique() -> None:
    names = [(durable.stream, durable.name(LONGEST)) for durable in DURABLES]

    assert len(set(names)) == len(names)
    assert all(CONSUMER.fullmatch(name) and len(name) < 256 for _, name in names)
    assert all(re.fullmatch(r"[A-Z_]+", stream.name) for stream in STREAMS)


def test_collections_have_consumers_of_their_own() -> None:
    """Names such as ``a-b`` must not make two collections share a consumer."""
    names = ["a", "b", "a-b", "default", "default-a", "batch-a"]
    found = [
        (durable.stream, durable.name(name))
        for durable in DURABLES
        for name in (names if durable.is_per_collection else names[:1])
    ]

    assert len(set(found)) == len(found)


def test_commands_have_one_consumer_for_every_collection() -> None:
    """So that a command for a collection that nobody serves is refused, not left lying."""
    reading = [one for one in DURABLES if one.reads == "commands"]
    assert {one.service for one in reading} == {*ANSWERING}
    for durable in reading:
        assert durable.name("a") == durable.name("b") == f"{durable.service}-commands"
        assert consumer_config(durable, "a") == consumer_config(durable, "b")

        to_it = [one for one in commands.CHANNELS if one.consumers == (durable.service,)]
        wanted = {f"{one.family}.*" for one in to_it}
        signed = {f"by.*.{one}" for one in wanted}
        assert set(consumer_config(durable, "a").filter_subjects or ()) == wanted | signed


def test_all_other_consumers_read_the_subjects_of_their_collection_alone() -> None:
    for durable in DURABLES:
        if durable.is_per_collection:
            subjects = durable.subjects("one")
            assert all(subject.endswith(".one") for subject in subjects), durable.reads


def test_every_command_is_read_for_all_collections() -> None:
    for channel in CHANNELS:
        if channel.stream == "COMMANDS":
            (reader,) = [one for one in DURABLES if channel in one.channels]
            assert not reader.is_per_collection, channel.family


def test_an_events_family_is_its_channel() -> None:
    for channel in CHANNELS:
        if channel.contract and issubclass(channel.contract, Event):
            assert channel.contract.family == channel.family


def test_every_command_has_a_row_and_ways_to_be_answered() -> None:
    assert tuple(one.contract for one in commands.CHANNELS) == COMMANDS
    for channel in commands.CHANNELS:
        assert channel.is_command
        outcomes = {getattr(one.contract, "settles_as", None) for one in channel.answers}
        assert {"done", "rejected"} <= outcomes
        assert None not in outcomes


def test_an_event_says_what_became_of_a_command_if_it_answers_one_and_only_then() -> None:
    """A row's answers and a contract's word would be two tables if they could differ."""
    speaking = {
        channel
        for channel in CHANNELS
        if channel.contract and issubclass(channel.contract, Event) and channel.contract.settles_as
    }

    assert speaking == set(commands.ANSWERS)


def test_commands_and_nothing_else_come_from_anybody() -> None:
    assert [one for one in CHANNELS if one.is_command] == [*commands.CHANNELS]


def test_only_services_and_anybody_write_and_read() -> None:
    named = {
        name
        for one in CHANNELS
        for name in (
            one.producer,
            *one.also_from,
            *one.consumers,
            *one.looked_up_by,
            *one.removed_by,
        )
    }

    assert named <= {*ON_BUS, ANYBODY}
    assert {durable.service for durable in DURABLES} == set(READERS)


@pytest.mark.parametrize(
    ("channel", "parts", "told"),
    [
        (BY_FAMILY["discovery.batch"], ("b1",), "discovery:b1"),
        (BY_FAMILY["map.points"], ("b1",), "writing:b1"),
        (BY_FAMILY["projection.model"], ("default", 3), "projection.model:default:3"),
        (BY_FAMILY["writing.retraction"], ("b1",), "writing.retraction:b1"),
        (BY_FAMILY["dead.writing"], ("k",), "dead:writing:k"),
    ],
)
def test_ids_stay_what_they_were(channel: Channel, parts: tuple[object, ...], told: str) -> None:
    """A stream that knows a message by its old id would take it a second time by a new one."""
    assert channel.message_id(*parts) == told


@given(st.sampled_from(CHANNELS), st.from_regex(COLLECTION, fullmatch=True))
def test_a_subject_is_taken_apart_as_it_was_put_together(channel: Channel, name: str) -> None:
    assert split_subject(channel.subject(name)) == (channel.family, name)


def test_a_body_is_json_with_a_contract_or_bytes_without() -> None:
    for channel in CHANNELS:
        assert (channel.contract is None) == (channel.content_type != "application/json")
        assert (channel.content_type == ARROW) == channel.family.endswith(
            (".batch", ".points", ".retraction")
        )


def test_work_waits_and_public_streams_forget() -> None:
    for stream in STREAMS:
        config = stream.config()
        is_public = config.retention == RetentionPolicy.LIMITS
        assert (config.discard == DiscardPolicy.OLD) == is_public, stream.name
        assert bool(config.max_age) == is_public
        assert config.max_bytes
        assert stream.about


def test_the_servers_own_limit_of_deliveries_stays_off() -> None:
    for durable in DURABLES:
        config = consumer_config(durable, "default")
        assert config.max_deliver == -1
        assert bool(config.filter_subject) != bool(config.filter_subjects)


def test_the_server_waits_for_a_sign_of_life_as_long_as_it_is_told() -> None:
    assert consumer_config(DURABLES[0], "default", ack_wait_s=3).ack_wait == 3
    assert consumer_config(DURABLES[0], "default").ack_wait == NatsSection().ack_wait_s


def test_a_durable_reads_one_stream() -> None:
    one, other = CHANNELS[0], CHANNELS[-1]

    with pytest.raises(ValueError, match="different streams"):
        Durable("x", "y", (one, other))


@pytest.mark.parametrize("name", ["a", "0", "default", "a-b_c", LONGEST])
def test_a_collection_may_have_a_plain_name(name: str) -> None:
    assert check_collection(name) == name
    assert is_collection(name)


@pytest.mark.parametrize(
    "name", ["", "A", "a.b", "a*", ">", "a b", "-a", "_a", "é", "a\n", LONGEST + "a"]
)
def test_a_collection_may_have_no_name_that_is_no_token(name: str) -> None:
    assert not is_collection(name)
    with pytest.raises(ConfigurationError, match="cannot name a collection"):
        check_collection(name)


@given(st.text(max_size=70))
def test_a_good_name_is_one_token_of_a_subject(name: str) -> None:
    if COLLECTION.fullmatch(name):
        assert all(one.subject(name).split(".")[2:] == [name] for one in CHANNELS)


def test_settings_bound_the_public_streams_and_no_others() -> None:
    limits = RetentionSection(
        events_days=1, events_max_bytes=2 << 20, points_days=2, points_max_bytes=3 << 20,
        dead_letters_days=3, dead_letters_max_bytes=4 << 20,
    )  # fmt: skip
    changed = {one.name: one for one in streams_of(limits) if one not in STREAMS}

    assert streams_of(RetentionSection()) == STREAMS
    assert {name: (one.max_age_s, one.max_bytes) for name, one in changed.items()} == {
        "EVENTS": (86_400, 2 << 20),
        "POINTS": (2 * 86_400, 3 << 20),
        "DEAD_LETTERS": (3 * 86_400, 4 << 20),
    }
