"""A panel of the dashboard, and how it asks Prometheus."""

from dataclasses import dataclass
from typing import Any

from shared.observability.instruments import Instrument

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
    """Ask how much is added a second; histograms by ``suffix``, which is counted."""
    return f"sum by ({by}) (rate({metric.name}{suffix}{{{labels}}}{OVER}))"


def now(metric: Instrument, by: str, labels: str = OF) -> str:
    """Ask what is told now; replicas and a standby beside an owner tell the same."""
    return f"max by ({by}) ({metric.name}{{{labels}}})"


def quantile(share: float, metric: Instrument, by: str, labels: str = "") -> str:
    """Ask below which value a share of what was measured lies."""
    return f"histogram_quantile({share}, {rate(metric, f'le, {by}', labels, '_bucket')})"


def number(title: str, ask: str, **more: Any) -> Panel:
    """Make a panel of a single number."""
    return Panel(title=title, asks={"": ask}, kind="stat", width=4, height=4, **more)
