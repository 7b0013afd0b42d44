"""What metrics have gained: the registry lives as long as the process that runs the tests."""

from collections.abc import Callable

from shared.observability.instruments import REGISTRY

Gained = Callable[..., float]


def metered() -> Gained:
    """Return a function that adds up what a metric gains from now; open labels may be anything."""
    before = _samples()

    def gained(name: str, **labels: str) -> float:
        return sum(
            value - before.get(key, 0.0)
            for key, value in _samples().items()
            if key[0] == name and labels.items() <= dict(key[1]).items()
        )

    return gained


def _samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }
