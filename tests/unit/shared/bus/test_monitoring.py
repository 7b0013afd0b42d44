"""What is made of the answers of monitoring ports."""

from typing import Any

import pytest

from services.cli.adapters.ports import kept_port
from shared.bus.monitoring import look_at_bus, monitoring_urls, streams


def jetstream(**stream: Any) -> dict[str, Any]:
    made = {
        "name": "EVENTS",
        "config": {"discard": "old", "max_bytes": 100},
        "state": {"messages": 3, "bytes": 30, "first_seq": 11},
        **stream,
    }
    return {"account_details": [{"name": "$G", "stream_detail": [made]}]}


def consumer(**more: Any) -> dict[str, Any]:
    made = {"num_pending": 2, "delivered": {"stream_seq": 4}, "config": {"durable_name": "d"}}
    return made | more


def told(jsz: dict[str, Any], server: str = "nats") -> dict[str, float]:
    return {
        one.gauge.name.removeprefix("mapstream_stream_"): one.value for one in streams(jsz, server)
    }


def test_a_stream_tells_what_it_holds() -> None:
    assert told(jetstream()) == {
        "has_leader": 1,
        "messages": 3,
        "bytes": 30,
        "limit_bytes": 100,
        "first_sequence": 11,
    }


@pytest.mark.parametrize(
    ("cluster", "is_led"), [({"leader": "n2"}, 1), ({"leader": ""}, 0), ({}, 0)]
)
def test_a_stream_of_a_cluster_has_a_leader_or_none(cluster: dict[str, str], is_led: int) -> None:
    assert told(jetstream(cluster=cluster))["has_leader"] == is_led


def test_what_was_dropped_before_it_was_read_is_counted() -> None:
    found = told(jetstream(consumer_detail=[consumer()]))

    assert found["unread_messages"] == 2
    assert found["unread_evicted_messages"] == 6


def test_a_reader_that_is_ahead_of_what_is_dropped_lost_nothing() -> None:
    ahead = consumer(delivered={"stream_seq": 12})

    assert told(jetstream(consumer_detail=[ahead]))["unread_evicted_messages"] == 0


def test_a_stream_that_refuses_drops_nothing() -> None:
    queue = jetstream(config={"discard": "new", "max_bytes": 100}, consumer_detail=[consumer()])

    assert "unread_evicted_messages" not in told(queue)


def test_only_the_leader_tells_of_a_durable_consumer() -> None:
    """A follower is behind, and would tell of messages that were read long ago."""
    led_elsewhere = consumer(cluster={"leader": "n2"})

    assert "unread_messages" not in told(jetstream(consumer_detail=[led_elsewhere]), "n1")
    assert "unread_messages" in told(jetstream(consumer_detail=[led_elsewhere]), "n2")


def test_readers_that_come_and_go_are_not_told() -> None:
    passing = consumer(config={"name": "x"})

    assert "unread_messages" not in told(jetstream(consumer_detail=[passing]))


def test_a_server_that_is_silent_is_down() -> None:
    with kept_port() as port:
        (one,) = look_at_bus("gateway", [f"http://127.0.0.1:{port}"])

    assert (one.gauge.name, one.value) == ("mapstream_bus_server_up", 0)
    assert one.labels == {"server": f"127.0.0.1:{port}"}


def test_servers_of_a_cluster_stand_between_commas() -> None:
    assert monitoring_urls(" http://a:8222/, http://b:8222") == ["http://a:8222", "http://b:8222"]
    assert monitoring_urls(None) == []
