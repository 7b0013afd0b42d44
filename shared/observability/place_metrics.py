"""The table of metrics goes on: what is told of the place where the services work.

The servers of the bus and their streams, as their monitoring ports tell; disks; certificates.
"""

from shared.observability.instruments import Gauge
from shared.observability.metrics import EVERY

STREAM = ("stream", "discard")
PLACE = ("stream", "durable")

SERVER_UP = Gauge(
    "mapstream_bus_server_up",
    ("server",),
    EVERY,
    "1 if a server of the bus answers on its monitoring port (nats.monitoring_url).",
)
SERVER_HAS_LEADER = Gauge(
    "mapstream_bus_server_has_leader",
    ("server",),
    EVERY,
    "1 if a server knows who leads its cluster, or is alone; without one JetStream stands still.",
)
CONNECTIONS = Gauge("mapstream_bus_connections", ("server",), EVERY, "Connections to a server.")
CONNECTIONS_LIMIT = Gauge(
    "mapstream_bus_connections_limit", ("server",), EVERY, "The most that it takes."
)
SLOW_CONSUMERS = Gauge(
    "mapstream_bus_slow_consumers",
    ("server",),
    EVERY,
    "Connections that a server has ended since its start, since they took too little.",
)
STORE_BYTES = Gauge(
    "mapstream_bus_store_bytes", ("server",), EVERY, "What a server keeps in files."
)
STORE_LIMIT = Gauge(
    "mapstream_bus_store_limit_bytes", ("server",), EVERY, "The most that it may keep in files."
)
STREAM_MESSAGES = Gauge("mapstream_stream_messages", STREAM, EVERY, "Messages in a stream.")
STREAM_BYTES = Gauge("mapstream_stream_bytes", STREAM, EVERY, "Their size.")
STREAM_LIMIT = Gauge(
    "mapstream_stream_limit_bytes",
    STREAM,
    EVERY,
    "The most that it may hold; full, it refuses more (discard new) or drops its oldest (old).",
)
STREAM_FIRST = Gauge(
    "mapstream_stream_first_sequence",
    STREAM,
    EVERY,
    "Number of the oldest message in a stream: those before it have left.",
)
STREAM_HAS_LEADER = Gauge(
    "mapstream_stream_has_leader",
    STREAM,
    EVERY,
    "1 if a server leads a stream; without one it takes and gives nothing.",
)
UNREAD = Gauge(
    "mapstream_stream_unread_messages",
    PLACE,
    EVERY,
    "Messages in a stream that wait for a durable consumer, as the server tells.",
)
UNREAD_EVICTED = Gauge(
    "mapstream_stream_unread_evicted_messages",
    PLACE,
    EVERY,
    "Messages that a stream dropped as its oldest beyond the place of a durable consumer, those "
    "that were meant for others included.",
)

DISK_FREE = Gauge(
    "mapstream_disk_free_bytes",
    ("stage", "folder"),
    EVERY,
    "Room on the disk of a folder: state, output, or bus (of a server on the same machine).",
)
DISK_SIZE = Gauge("mapstream_disk_size_bytes", ("stage", "folder"), EVERY, "Size of that disk.")
CERTIFICATE_EXPIRY = Gauge(
    "mapstream_certificate_expiry_timestamp_seconds",
    ("stage", "certificate"),
    EVERY,
    "When a certificate ends, Unix time: of a file, by its setting, or of a server of the bus.",
)
