"""Alert rules, runbook, dashboard and table of metrics agree with each other."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generators import dashboard, metrics_table
from shared.bus.registry.streams import STREAMS
from shared.observability import embedder_metrics, metrics, place_metrics  # noqa: F401  declares its part
from shared.observability.instruments import DECLARED, Histogram
from shared.services import ALL

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "mapstream.json").read_text())
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
NEVER_QUIET = "MapstreamWatchdog"
NAME = re.compile(r"\bmapstream_\w+")
SERIES = {one.name for one in DECLARED} | {
    one.name + suffix
    for one in DECLARED
    if isinstance(one, Histogram)
    for suffix in ("_bucket", "_sum", "_count")
}

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)
per_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def asks() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


@per_rule
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    """A name that was changed in the code alone makes an alert that never fires."""
    assert set(NAME.findall(rule["expr"])) - SERIES == set()


@per_rule
def test_an_alert_leads_to_its_entry_in_the_runbook(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    entry = RUNBOOK.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    for part in ("**Means:**", "**Look:**", "**Do:**"):
        assert part in entry, part
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"info", "warning", "critical", "watchdog"}


def test_the_runbook_has_no_entry_without_an_alert() -> None:
    entries = set(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE))

    assert entries == {rule["alert"] for rule in RULES}


def test_the_runbook_names_metrics_that_exist() -> None:
    assert set(NAME.findall(RUNBOOK)) - SERIES == set()


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    asked = {name for _, expression in asks() for name in NAME.findall(expression)}

    assert asked - SERIES == set()


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for _, expression in asks() for name in NAME.findall(expression)}

    assert SERIES & shown >= {one.name for one in DECLARED if not isinstance(one, Histogram)}
    assert metrics.STEPS.name + "_sum" in shown


def test_panels_stand_side_by_side() -> None:
    """Grafana moves panels that overlap, and nothing is where it was drawn."""
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for one in places
        for x in range(one["x"], one["x"] + one["w"])
        for y in range(one["y"], one["y"] + one["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


def test_what_is_generated_is_fresh() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()

    assert metrics_table.render(page) == page, "run: make readme"
    written = (FOLDER / "grafana" / "dashboards" / "mapstream.json").read_text()
    assert dashboard.render() == written, "run: make readme"


def test_an_alert_names_every_stream() -> None:
    """One that it does not know could be missing in silence."""
    (rule,) = (one for one in RULES if one["alert"] == "MapstreamStreamsMissing")
    names = re.search(r'stream=~"([^"]+)"', rule["expr"])
    least = re.search(r">= (\d+)", rule["expr"])

    assert names
    assert least
    assert set(names[1].split("|")) == {one.name for one in STREAMS}
    assert int(least[1]) == len(STREAMS)


def test_every_service_is_expected() -> None:
    """A service that nobody expects may be gone without an alert."""
    groups = yaml.safe_load((FOLDER / "expected.yml").read_text())["groups"]
    expected = {rule["labels"]["service"] for group in groups for rule in group["rules"]}
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    looked_for = {name for one in jobs[0]["dns_sd_configs"] for name in one["names"]}

    assert expected == looked_for == set(ALL)


def test_alertmanager_tells_nobody_until_somebody_is_named() -> None:
    told = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    routes = [told["route"], *told["route"]["routes"]]

    assert {one["receiver"] for one in routes} <= {one["name"] for one in told["receivers"]}
    assert all(set(one) == {"name"} for one in told["receivers"])
    named = set(re.findall(r"Mapstream\w+", str(told["inhibit_rules"])))
    assert named <= {rule["alert"] for rule in RULES}


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
def test_alertmanager_reads_its_configuration() -> None:
    _run("amtool", "check-config", "alertmanager.yml")


def test_every_alert_has_tests_of_firing_and_of_silence() -> None:
    checked = [rule["alert"] for rule in RULES]
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]

    assert {one["name"] for one in tests} == {
        f"{name} {what}" for name in checked for what in ("fires", "is quiet")
    } - {f"{NEVER_QUIET} is quiet"}


@promtool
def test_every_alert_fires_when_it_should_and_only_then() -> None:
    _run("promtool", "test", "rules", "alerts_test.yml")


@promtool
def test_rules_and_configuration_are_what_prometheus_reads() -> None:
    _run("promtool", "check", "rules", "--lint-fatal", "alerts.yml", "expected.yml")
    _run("promtool", "check", "config", "prometheus.yml")


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
