"""What the servers of the bus tell of themselves on their monitoring ports, for our metrics.

The port is read only and knows no secrets; asking it takes no permission on the bus, and it still
answers when JetStream does not.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from shared.observability import place_metrics as metrics
from shared.observability.instruments import Reading
from shared.observability.place import disks

PATIENCE_S = 2.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
VARIABLES = "varz"
JETSTREAM = "jsz?accounts=true&streams=true&consumers=true&config=true"
DROPS_OLDEST = "old"
_opener = build_opener(ProxyHandler({}))  # the bus is never behind a proxy

Told = Mapping[str, Any]


def monitoring_urls(setting: str | None) -> list[str]:
    """List the addresses of ``nats.monitoring_url``."""
    return [one.strip().rstrip("/") for one in (setting or "").split(",") if one.strip()]


def look_at_bus(stage: str, urls: Sequence[str]) -> Iterable[Reading]:
    """Ask each server how it is; blocks for a few seconds at most for each that is silent.

    Servers of a cluster tell of the same streams: what the furthest of them tells is given once.
    """
    found: dict[tuple[Any, ...], Reading] = {}
    for one in _look(stage, urls):
        key = (one.gauge.name, *one.labels.values())
        if key not in found or found[key].value < one.value:
            found[key] = one
    return found.values()


def _look(stage: str, urls: Sequence[str]) -> Iterator[Reading]:
    for url in urls:
        server = urlsplit(url).netloc
        try:
            variables, jetstream = _ask(url, VARIABLES), _ask(url, JETSTREAM)
        except (OSError, ValueError):
            yield metrics.SERVER_UP.read(0, server=server)
            continue
        yield metrics.SERVER_UP.read(1, server=server)
        yield from _server(stage, server, variables, jetstream)
        yield from streams(jetstream, str(variables.get("server_name", "")))
        folder = Path(str((jetstream.get("config") or {}).get("store_dir", "")))
        if urlsplit(url).hostname in LOOPBACK and folder.is_absolute():
            yield from disks(stage, {"bus": folder})


def _ask(url: str, what: str) -> Told:
    with _opener.open(f"{url}/{what}", timeout=PATIENCE_S) as answer:
        told = json.loads(answer.read())
    if not isinstance(told, dict):
        raise ValueError(f"{url}/{what} answers with something else")  # noqa: TRY004  as for JSON
    return told


def _server(stage: str, server: str, variables: Told, jetstream: Told) -> Iterator[Reading]:
    """Tell how a server is as a whole."""
    cluster = jetstream.get("meta_cluster")
    is_led = cluster is None or bool(cluster.get("leader"))
    yield metrics.SERVER_HAS_LEADER.read(is_led, server=server)
    limits = jetstream.get("config") or {}
    for gauge, value in (
        (metrics.CONNECTIONS, variables.get("connections")),
        (metrics.CONNECTIONS_LIMIT, variables.get("max_connections")),
        (metrics.SLOW_CONSUMERS, variables.get("slow_consumers")),
        (metrics.STORE_BYTES, jetstream.get("storage")),
        (metrics.STORE_LIMIT, limits.get("max_storage")),
    ):
        yield gauge.read(float(value or 0), server=server)
    if end := variables.get("tls_cert_not_after"):
        when = datetime.fromisoformat(end).timestamp()
        yield metrics.CERTIFICATE_EXPIRY.read(when, stage=stage, certificate=server)


def streams(jetstream: Told, server: str) -> Iterator[Reading]:
    """Tell what each stream holds, and what its durable consumers have before them.

    Args:
        jetstream: The answer of ``/jsz``.
        server: Name of the server that gave it.
    """
    for account in jetstream.get("account_details") or ():
        for stream in account.get("stream_detail") or ():
            yield from _stream(stream)
            for consumer in stream.get("consumer_detail") or ():
                if (consumer.get("cluster") or {}).get("leader", server) == server:
                    yield from _consumer(stream, consumer)


def _stream(stream: Told) -> Iterator[Reading]:
    config, state = stream.get("config") or {}, stream.get("state") or {}
    labels = {"stream": str(stream["name"]), "discard": str(config.get("discard", ""))}
    cluster = stream.get("cluster")
    is_led = cluster is None or bool(cluster.get("leader"))
    yield metrics.STREAM_HAS_LEADER.read(is_led, **labels)
    for gauge, value in (
        (metrics.STREAM_MESSAGES, state.get("messages", 0)),
        (metrics.STREAM_BYTES, state.get("bytes", 0)),
        (metrics.STREAM_LIMIT, max(0, config.get("max_bytes", 0))),
        (metrics.STREAM_FIRST, state.get("first_seq", 0)),
    ):
        yield gauge.read(value, **labels)


def _consumer(stream: Told, consumer: Told) -> Iterator[Reading]:
    """Tell of a durable consumer; others come and go with their readers."""
    name = (consumer.get("config") or {}).get("durable_name")
    if not name:
        return
    labels = {"stream": str(stream["name"]), "durable": str(name)}
    yield metrics.UNREAD.read(consumer.get("num_pending", 0), **labels)
    if (stream.get("config") or {}).get("discard") == DROPS_OLDEST:
        reached = (consumer.get("delivered") or {}).get("stream_seq", 0)
        first = (stream.get("state") or {}).get("first_seq", 0)
        yield metrics.UNREAD_EVICTED.read(max(0, first - 1 - reached), **labels)
