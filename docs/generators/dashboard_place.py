"""What the dashboard shows of what is kept, and of what all stands on."""

from docs.generators.dashboard_panel import OF, OVER, Panel, now, quantile, rate
from shared.observability import metrics as m
from shared.observability import place_metrics as place

PLACE: dict[str, list[Panel]] = {
    "Dataset": [
        Panel(
            title="Rows",
            asks={"{{collection}}": now(m.DATASET_ROWS, "collection")},
        ),
        Panel(
            title="Bytes",
            asks={"{{collection}} {{part}}": now(m.DATASET_BYTES, "collection, part")},
            unit="bytes",
        ),
        Panel(
            title="Versions",
            asks={
                "{{collection}} current": now(m.DATASET_VERSION, "collection"),
                "{{collection}} kept": now(m.DATASET_KEPT, "collection"),
            },
        ),
        Panel(
            title="Share of time per step",
            about="The snapshot's share of the writer's time is held below output.snapshot_share.",
            asks={"{{step}}": rate(m.STEPS, "step", suffix="_sum")},
            unit="percentunit",
        ),
        Panel(
            title="Steps, 95 %",
            asks={"{{step}}": quantile(0.95, m.STEPS, "step")},
            unit="s",
        ),
        Panel(
            title="Public files",
            asks={
                "{{collection}} fresh": now(m.FILES_FRESH, "collection"),
                "{{collection}} age in seconds": (
                    f"time() - {now(m.FILES_PUBLISHED, 'collection')}"
                ),
            },
        ),
    ],
    "Sources": [
        Panel(
            title="Sources",
            asks={
                "{{status}}": f"sum by (status) ({m.SOURCES.name}{{{OF}}})",
                "stalled": now(m.STALLED, "job"),
                "contradicted": now(m.CONTRADICTED, "job"),
                "schedules without fresh data": now(m.STALE_SCHEDULES, "job"),
            },
            width=12,
        ),
        Panel(
            title="Ledger",
            asks={"{{state}}": f"sum by (state) ({m.LEDGER.name}{{{OF}}})"},
            width=12,
        ),
    ],
    "Streams": [
        Panel(
            title="Fill of each stream",
            about="A stream between stages refuses when full, a public one drops its oldest.",
            asks={
                "{{stream}}": (
                    f"{now(place.STREAM_BYTES, 'stream', '')} "
                    f"/ {now(place.STREAM_LIMIT, 'stream', '')}"
                )
            },
            unit="percentunit",
        ),
        Panel(
            title="Messages in each stream",
            asks={"{{stream}}": now(place.STREAM_MESSAGES, "stream", "")},
        ),
        Panel(
            title="Unread messages",
            asks={
                "{{durable}}": now(place.UNREAD, "durable", ""),
                "{{durable}} evicted": now(place.UNREAD_EVICTED, "durable", ""),
            },
        ),
        Panel(
            title="Messages that left each stream",
            asks={"{{stream}}": (f"max by (stream) (deriv({place.STREAM_FIRST.name}{OVER}))")},
            unit="mps",
        ),
        Panel(
            title="Leaders",
            asks={
                "{{stream}}": now(place.STREAM_HAS_LEADER, "stream", ""),
                "{{server}}": now(place.SERVER_HAS_LEADER, "server", ""),
            },
        ),
        Panel(
            title="Store of each server",
            asks={
                "{{server}}": now(place.STORE_BYTES, "server", ""),
                "{{server}} limit": now(place.STORE_LIMIT, "server", ""),
            },
            unit="bytes",
        ),
    ],
    "Servers, disks and certificates": [
        Panel(
            title="Servers of the bus",
            asks={
                "{{server}} answers": now(place.SERVER_UP, "server", ""),
                "{{server}} slow consumers": now(place.SLOW_CONSUMERS, "server", ""),
            },
        ),
        Panel(
            title="Connections",
            asks={
                "{{server}}": now(place.CONNECTIONS, "server", ""),
                "{{server}} limit": now(place.CONNECTIONS_LIMIT, "server", ""),
            },
        ),
        Panel(
            title="Room on disks",
            asks={
                "{{stage}} {{folder}}": (
                    f"min by (stage, folder) ({place.DISK_FREE.name} / {place.DISK_SIZE.name})"
                )
            },
            unit="percentunit",
        ),
        Panel(
            title="Certificates end in",
            asks={
                "{{certificate}}": (
                    f"min by (certificate) ({place.CERTIFICATE_EXPIRY.name}) - time()"
                )
            },
            unit="s",
            width=12,
        ),
        Panel(
            title="Instances",
            asks={
                "{{service}} there": "mapstream:instances_up",
                "{{service}} for a minute": "mapstream:instances_steady",
                "{{service}} expected": "mapstream:instances_expected",
            },
            width=12,
        ),
    ],
    "Processes": [
        Panel(
            title="CPU",
            asks={"{{instance}}": (f'rate(process_cpu_seconds_total{{job="mapstream"}}{OVER})')},
            unit="percentunit",
        ),
        Panel(
            title="Resident memory",
            asks={"{{instance}}": 'process_resident_memory_bytes{job="mapstream"}'},
            unit="bytes",
        ),
        Panel(
            title="HTTP requests",
            asks={
                "{{stage}} {{endpoint}} {{status}}": rate(
                    m.HTTP_REQUESTS, "stage, endpoint, status"
                ),
                "{{stage}} refused with {{status}}": rate(m.HTTP_REFUSALS, "stage, status"),
                "{{stage}} in flight": f"sum by (stage) ({m.HTTP_IN_FLIGHT.name})",
                "{{stage}} 5xx": rate(m.HTTP_ERRORS, "stage"),
            },
            unit="reqps",
        ),
        Panel(
            title="HTTP request, 95 %",
            asks={"{{stage}} {{endpoint}}": quantile(0.95, m.HTTP_REQUEST, "stage, endpoint")},
            unit="s",
        ),
        Panel(
            title="Bus",
            asks={
                "{{stage}} connected": now(m.BUS_CONNECTED, "stage", ""),
                "{{stage}} lost connections": rate(m.BUS_DISCONNECTIONS, "stage"),
            },
        ),
        Panel(
            title="States",
            asks={
                "{{stage}} {{state}} {{version}}": (
                    f"sum by (stage, state, version) ({m.SERVICE_STATE.name} "
                    f"* on (instance, stage) group_left (version) {m.BUILD.name})"
                )
            },
        ),
    ],
}
