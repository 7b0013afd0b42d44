"""Counters, gauges and histograms: declared once, told in Prometheus's text format.

A declaration costs nothing until it is used: a process tells only what it measures.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared.redaction import redact

CONTENT_TYPE = CONTENT_TYPE_LATEST
REGISTRY = CollectorRegistry()
COLLECTION = "collection"
OTHER = "other"
"""Stands for every collection that is not served: outsiders can name as many as they like."""
DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper bounds of a histogram's buckets, seconds."""
AGES = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
"""The same for what waits on the bus."""
DECLARED: list["Instrument"] = []
_served: set[str] = set()
_used: dict["Instrument", Any] = {}
_told: dict["Instrument", dict[str, "Told"]] = {}
"""By collection; of those without collections, under no name."""

prometheus_client.disable_created_metrics()
prometheus_client.ProcessCollector(registry=REGISTRY)
prometheus_client.GCCollector(registry=REGISTRY)


@dataclass(slots=True)
class Told:
    """What a metric tells of one collection: how much in all, and in which time series."""

    amount: float = 0.0
    times: int = 0
    series: dict[tuple[str, ...], Any] = field(default_factory=dict)
    """By the values of its labels: Prometheus's client looks for them among all series."""

    def add(self, amount: float) -> None:
        """Count what one of them was told."""
        self.amount += amount
        self.times += 1


@dataclass(frozen=True, eq=False)
class Instrument:
    """One metric: its name, which labels it has, who tells it and what it means."""

    name: str
    labels: tuple[str, ...]
    teller: str
    about: str
    buckets: tuple[float, ...] = ()
    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        DECLARED.append(self)

    def child(self, labels: Mapping[str, str]) -> Any:
        """Return the time series with these labels."""
        return self.found(labels)[1]

    def found(self, labels: Mapping[str, str]) -> tuple[Told, Any]:
        """Return what is told of a collection, and the time series with these labels."""
        labels = bounded(labels)
        told = _told.setdefault(self, {}).setdefault(labels.get(COLLECTION, ""), Told())
        values = tuple(labels[name] for name in self.labels)
        if values not in told.series:
            series = _series(self)
            told.series[values] = series.labels(*values) if values else series
        return told, told.series[values]


class Counter(Instrument):
    """Only grows, until the process is started again."""

    kind: ClassVar[str] = "counter"

    def begin(self, **labels: str) -> None:
        """Tell a zero: a series that begins with its first event hides that event from rates."""
        self.child(labels)

    def add(self, amount: float = 1, /, **labels: str) -> None:
        """Count."""
        told, child = self.found(labels)
        child.inc(amount)
        told.add(amount)


class Gauge(Instrument):
    """Goes up and down."""

    kind: ClassVar[str] = "gauge"

    def set(self, value: float, /, **labels: str) -> None:
        """Note the present value."""
        self.child(labels).set(value)

    @contextmanager
    def during(self, **labels: str) -> Iterator[None]:
        """Count one more until the block ends."""
        child = self.child(labels)
        child.inc()
        try:
            yield
        finally:
            child.dec()

    def read(self, value: float, /, **labels: str) -> "Reading":
        """Give a value that is looked up whenever somebody asks."""
        return Reading(self, value, bounded(labels))


class Histogram(Instrument):
    """Counts observations, in seconds, by size."""

    kind: ClassVar[str] = "histogram"

    def observe(self, seconds: float, /, **labels: str) -> None:
        """Note how long something took."""
        told, child = self.found(labels)
        child.observe(seconds)
        told.add(seconds)

    @contextmanager
    def timed(self, **labels: str) -> Iterator[None]:
        """Note how long the block takes, also if it fails."""
        started = perf_counter()
        try:
            yield
        finally:
            self.observe(perf_counter() - started, **labels)


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a gauge at the moment of asking."""

    gauge: Gauge
    value: float
    labels: Mapping[str, str]


def serve_collection(name: str) -> None:
    """Say that a collection may have time series of its own, and none that is not served."""
    _served.update((name, ""))  # all together, who stay when the last is left


def leave_collection(name: str) -> None:
    """Take away the time series of a collection."""
    _served.discard(name)
    for instrument, collections in _told.items():
        if COLLECTION in instrument.labels and (told := collections.pop(name, None)):
            for values in told.series:
                _used[instrument].remove(*values)


def bounded(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Replace the name of a collection that is not served, so that series stay few."""
    name = labels.get(COLLECTION)
    if name and _served and name not in _served:
        return {**labels, COLLECTION: OTHER}
    return labels


def render(readings: Iterable[Reading] = ()) -> bytes:
    """Write everything that was measured, and these readings, for Prometheus."""
    told = generate_latest(_Everything(readings))  # type: ignore[arg-type]
    return redact(told.decode()).encode()


def amounts(instrument: Counter | Histogram) -> dict[str, float]:
    """Return what a metric was told in all, per collection."""
    return {name: told.amount for name, told in list(_told.get(instrument, {}).items())}


def times(instrument: Histogram) -> dict[str, int]:
    """Return how often a metric was told something, per collection."""
    return {name: told.times for name, told in list(_told.get(instrument, {}).items())}


class _Everything:
    """What Prometheus's writer asks: the registry, and what is looked up now."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Give every family of series once."""
        yield from REGISTRY.collect()
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._readings:
            gauge = one.gauge
            family = families.setdefault(
                gauge.name, GaugeMetricFamily(gauge.name, gauge.about, labels=gauge.labels)
            )
            family.add_metric([one.labels[name] for name in gauge.labels], one.value)
        yield from families.values()


def _series(instrument: Instrument) -> Any:
    """Return the metric of Prometheus's client; it is made on first use."""
    if instrument not in _used:
        _used[instrument] = _made(instrument)
    return _used[instrument]


def _made(instrument: Instrument) -> Any:
    named = (instrument.name, instrument.about, instrument.labels)
    if isinstance(instrument, Histogram):
        buckets = instrument.buckets
        return prometheus_client.Histogram(*named, registry=REGISTRY, buckets=buckets)
    if isinstance(instrument, Counter):
        return prometheus_client.Counter(*named, registry=REGISTRY)
    return prometheus_client.Gauge(*named, registry=REGISTRY)
