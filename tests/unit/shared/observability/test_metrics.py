"""The table of metrics, and how they are told."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.observability import instruments, metrics
from shared.observability.instruments import (
    DECLARED,
    Counter,
    Gauge,
    Histogram,
    Instrument,
    amounts,
    leave_collection,
    render,
    serve_collection,
    times,
)
from tests.metering import metered

per_metric = pytest.mark.parametrize("metric", DECLARED, ids=lambda one: one.name)
IDENTIFYING = re.compile(r"_id$|^id$|file|source$|path|batch")


@pytest.fixture
def only_default() -> Iterator[None]:
    serve_collection("default")
    yield
    instruments._served.clear()


def told(readings: tuple[instruments.Reading, ...] = ()) -> dict[str, dict[str, float]]:
    families = text_string_to_metric_families(render(readings).decode())
    return {
        family.name: {
            f"{'/'.join(v for _, v in sorted(s.labels.items()))} {s.name}": s.value
            for s in family.samples
        }
        for family in families
    }


def test_a_name_is_declared_once() -> None:
    names = [one.name for one in DECLARED]

    assert len(set(names)) == len(names)


@per_metric
def test_names_follow_the_conventions(metric: Instrument) -> None:
    """Prometheus's tools and everybody's habits go by them: promtool check metrics."""
    assert re.fullmatch(r"mapstream_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert metric.name.endswith("_total") == isinstance(metric, Counter)
    if isinstance(metric, Histogram):
        assert metric.name.endswith("_seconds")
        assert list(metric.buckets) == sorted(metric.buckets)
    if isinstance(metric, Gauge):
        assert not metric.name.endswith(("_count", "_sum", "_bucket"))


@per_metric
def test_labels_have_few_values(metric: Instrument) -> None:
    """A label with the name of a file makes a time series per file, for ever."""
    assert not [label for label in metric.labels if IDENTIFYING.search(label)]


@per_metric
def test_a_metric_says_what_it_means(metric: Instrument) -> None:
    assert metric.about.endswith(".")
    assert metric.teller


def test_what_was_counted_is_told() -> None:
    gained = metered()
    metrics.DEAD_RECORDS.add(3, stage="writing", collection="default")
    metrics.DEAD_RECORDS.add(stage="writing", collection="default")

    assert gained("mapstream_dead_records_total", stage="writing") == 4
    assert told()["mapstream_dead_records"]["default/writing mapstream_dead_records_total"] >= 4


def test_a_gauge_is_looked_up_when_somebody_asks() -> None:
    reading = metrics.SOURCES.read(7, collection="default", status="completed")

    assert told((reading,))["mapstream_sources"] == {"default/completed mapstream_sources": 7}
    assert "mapstream_sources" not in told()


def test_the_process_is_told_of() -> None:
    assert {"process_cpu_seconds", "process_resident_memory_bytes"} <= told().keys()


def test_a_block_is_timed_also_if_it_fails() -> None:
    gained = metered()
    with pytest.raises(OSError, match="full"), metrics.STEPS.timed(step="commit"):
        raise OSError("full")

    assert gained("mapstream_step_seconds_count", step="commit") == 1


@pytest.mark.usefixtures("only_default")
def test_collections_that_nobody_serves_share_one_series() -> None:
    """Anybody can publish commands to as many collections as they like."""
    gained = metered()
    for name in ("default", "x1", "x2"):
        metrics.DEAD_LETTERS.add(stage="discovery", collection=name)

    assert gained("mapstream_dead_letters_total", collection="default") == 1
    assert gained("mapstream_dead_letters_total", collection="other") == 2
    assert gained("mapstream_dead_letters_total", collection="x1") == 0


def test_totals_are_per_collection() -> None:
    labels = {"stage": "writing", "family": "a.b"}
    before = times(metrics.HANDLING).get("sums", 0)
    metrics.HANDLING.observe(2.0, collection="sums", **labels)
    metrics.HANDLING.observe(3.0, collection="sums", **labels | {"family": "a.c"})

    assert times(metrics.HANDLING)["sums"] - before == 2
    assert amounts(metrics.HANDLING)["sums"] >= 5


@pytest.mark.usefixtures("only_default")
def test_what_is_told_of_a_collection_goes_with_it_and_begins_anew() -> None:
    labels = {"stage": "writing", "family": "a.b"}
    serve_collection("goes")
    for collection, family in (("goes", "a.b"), ("goes", "a.c"), ("default", "a.b")):
        metrics.HANDLING.observe(1.0, stage="writing", collection=collection, family=family)
    leave_collection("goes")

    assert "goes" not in times(metrics.HANDLING)
    assert times(metrics.HANDLING)["default"]
    assert not [one for one in told()["mapstream_handling_seconds"] if "goes" in one]
    serve_collection("goes")
    metrics.HANDLING.observe(1.0, collection="goes", **labels)
    assert times(metrics.HANDLING)["goes"] == 1
