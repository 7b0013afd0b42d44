"""Writes the dashboard for Grafana.

Every expression names its metrics by the table in ``shared/observability/metrics.py``.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from docs.generators.dashboard_flow import FLOW
from docs.generators.dashboard_panel import Panel
from docs.generators.dashboard_place import PLACE
from shared.observability import metrics as m

GRAFANA = Path(__file__).parents[2] / "deploy" / "monitoring" / "grafana"
FILE = GRAFANA / "dashboards" / "mapstream.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH = 24
ROWS = FLOW | PLACE


def main() -> None:
    """Write the file."""
    FILE.write_text(render())


def render() -> str:
    """Return the dashboard as Grafana imports it."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
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
