"""Writes grafana/dashboards/mapstream.json (run by docs/write_readme.py).

Every expression names its metrics by the table in ``shared/observability/metrics.py``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from shared.observability import metrics as m
from shared.observability import place_metrics as place
from shared.observability.instruments import Instrument

FILE = Path(__file__).parent / "grafana" / "dashboards" / "mapstream.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH = 24
OF = 'collection=~"$collection"'
OVER = "[$__rate_interval]"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture: what it is called, what it asks Prometheus, in which unit."""

    title: str
    asks: dict[str, str]
    """Legend to expression."""
    about: str = ""
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7


def rate(metric: Instrument, by: str, labels: str = "", suffix: str = "") -> str:
    return f"sum by ({by}) (rate({metric.name}{suffix}{{{labels}}}{OVER}))"


def now(metric: Instrument, by: str, labels: str = OF) -> str:
    """Replicas and a standby beside an owner tell the same."""
    return f"max by ({by}) ({metric.name}{{{labels}}})"


def quantile(share: float, metric: Instrument, by: str, labels: str = "") -> str:
    return f"histogram_quantile({share}, {rate(metric, f'le, {by}', labels, '_bucket')})"


def number(title: str, ask: str, **more: Any) -> Panel:
    return Panel(title=title, asks={"": ask}, kind="stat", width=4, height=4, **more)


ROWS: dict[str, list[Panel]] = {
    "Now": [
        number("Records mapped", now(m.LEDGER, "state", f'{OF}, state="mapped"')),
        number("Records in flight", now(m.LEDGER, "state", f'{OF}, state="in_flight"')),
        number("Records dead", now(m.LEDGER, "state", f'{OF}, state="dead"')),
        number("Model", now(m.MODEL_VERSION, "collection")),
        number("Rows", now(m.DATASET_ROWS, "collection")),
        number("Services running", f'count({m.SERVICE_STATE.name}{{state="running"}})'),
    ],
    "Flow": [
        Panel(
            title="Records in",
            asks={"{{stage}} {{family}}": rate(m.RECORDS_RECEIVED, "stage, family", OF)},
            unit="rps",
        ),
        Panel(
            title="Records out",
            asks={"{{stage}} {{family}}": rate(m.RECORDS_PUBLISHED, "stage, family", OF)},
            unit="rps",
        ),
        Panel(
            title="Lag",
            about="Messages before a durable consumer, and in hand.",
            asks={
                "{{durable}} waiting": now(m.PENDING, "durable", 'collection=~"$collection|"'),
                "{{durable}} in hand": now(
                    m.UNACKNOWLEDGED, "durable", 'collection=~"$collection|"'
                ),
            },
        ),
        Panel(
            title="Batch age, 95 %",
            about="From the first publishing by discovery until the stage is done.",
            asks={"{{stage}}": quantile(0.95, m.BATCH_AGE, "stage", f'{OF}, family=~".*batch"')},
            unit="s",
        ),
        Panel(
            title="Handling, 95 %",
            asks={"{{stage}} {{family}}": quantile(0.95, m.HANDLING, "stage, family", OF)},
            unit="s",
        ),
        Panel(
            title="Publishing, 95 %",
            asks={"{{stage}} {{family}}": quantile(0.95, m.PUBLISHING, "stage, family")},
            unit="s",
        ),
        Panel(
            title="Batches and other messages",
            asks={
                "{{stage}} in": rate(m.MESSAGES_RECEIVED, "stage", OF),
                "{{stage}} out": rate(m.MESSAGES_PUBLISHED, "stage", OF),
                "{{stage}} {{outcome}}": rate(m.MESSAGES_SETTLED, "stage, outcome", OF),
            },
            unit="mps",
        ),
        Panel(
            title="Failures and redeliveries",
            asks={
                "{{stage}} {{reason}}": rate(m.FAILURES, "stage, reason", OF),
                "{{stage}} redelivered": rate(m.REDELIVERIES, "stage", OF),
                "{{stage}} publishing {{reason}}": rate(m.PUBLISH_RETRIES, "stage, reason"),
            },
            unit="mps",
        ),
        Panel(
            title="Dead",
            asks={
                "{{stage}} records": rate(m.DEAD_RECORDS, "stage", OF),
                "{{stage}} letters": rate(m.DEAD_LETTERS, "stage", OF),
                "{{stage}} halted": now(m.HALTED, "stage", ""),
            },
            unit="rps",
        ),
    ],
    "Embedding server": [
        Panel(
            title="Requests",
            asks={
                "{{outcome}}": rate(m.EMBEDDER_REQUESTS, "outcome"),
                "retries": f"sum(rate({m.EMBEDDER_RETRIES.name}{OVER}))",
            },
            unit="reqps",
        ),
        Panel(
            title="Request",
            asks={
                "50 %": quantile(0.5, m.EMBEDDER_REQUEST, "job"),
                "95 %": quantile(0.95, m.EMBEDDER_REQUEST, "job"),
            },
            unit="s",
        ),
        Panel(
            title="Concurrency",
            asks={
                "in flight": f"sum({m.EMBEDDER_IN_FLIGHT.name})",
                "{{stage}} blocked": now(m.BLOCKED, "stage", ""),
            },
        ),
        Panel(
            title="Work",
            asks={
                "texts": f"sum(rate({m.EMBEDDER_TEXTS.name}{OVER}))",
                "characters": f"sum(rate({m.EMBEDDER_CHARACTERS.name}{OVER}))",
                "tokens": f"sum(rate({m.EMBEDDER_TOKENS.name}{OVER}))",
            },
            unit="cps",
            width=12,
        ),
        Panel(
            title="text2vec",
            asks={
                "texts": f"sum(rate({m.TEXT2VEC_TEXTS.name}{OVER}))",
                "tokens": f"sum(rate({m.TEXT2VEC_TOKENS.name}{OVER}))",
            },
            unit="cps",
            width=12,
        ),
    ],
    "Model": [
        Panel(
            title="Version",
            asks={
                "{{collection}} model": now(m.MODEL_VERSION, "collection"),
                "{{collection}} map": now(m.WRITTEN_MODEL, "collection"),
                "{{collection}} refit held": now(m.REFIT_HELD, "collection"),
            },
        ),
        Panel(
            title="Explained variance",
            asks={"{{collection}} {{axis}}": now(m.MODEL_VARIANCE, "collection, axis")},
            unit="percentunit",
        ),
        Panel(
            title="Movement of the last refit",
            about="Root mean square, as a share of the map's diagonal.",
            asks={"{{collection}}": now(m.MODEL_MOVEMENT, "collection")},
            unit="percentunit",
        ),
        Panel(
            title="Records counted and fitted",
            asks={
                "{{collection}} counted": now(m.COUNTED_RECORDS, "collection"),
                "{{collection}} fitted": now(m.MODEL_RECORDS, "collection"),
            },
            width=12,
        ),
        Panel(
            title="Age of the model",
            asks={"{{collection}}": f"time() - {now(m.MODEL_CREATED, 'collection')}"},
            unit="s",
            width=12,
        ),
    ],
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


def main() -> None:
    """Write the file."""
    FILE.write_text(render())


def render() -> str:
    """Return the dashboard as Grafana imports it."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    return {
        "uid": "mapstream",
        "title": "Mapstream",
        "tags": ["mapstream"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {"list": [_source(), _collection()]},
        "panels": list(_panels()),
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _collection() -> dict[str, Any]:
    query = f"label_values({m.DATASET_ROWS.name}, collection)"
    return {
        "name": "collection",
        "label": "Collection",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "collection"},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    ids = count(1)
    y = 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        yield {"id": next(ids), "type": "row", "title": title, "gridPos": place, "panels": []}
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            yield _panel(panel, next(ids), place)
            x, height = x + panel.width, max(height, panel.height)
        y += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.kind == "timeseries":
        defaults["custom"] = {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + position),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend or "__auto",
                "range": panel.kind == "timeseries",
                "instant": panel.kind == "stat",
            }
            for position, (legend, expression) in enumerate(panel.asks.items())
        ],
    }


if __name__ == "__main__":
    main()
