"""How often somebody may ask: a token bucket for each."""

from collections import OrderedDict

MOST_CLIENTS = 10_000
"""Remembered at a time; who was forgotten has a full bucket again."""


class Rates:
    """Buckets that fill at a steady rate; a request takes one drop."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What was left when; the least recently seen first."""

    def take(self, client: str, now_s: float) -> float:
        """Take a drop from a client's bucket.

        Returns:
            Seconds until there is one if it is empty, else 0.
        """
        left, before_s = self._buckets.pop(client, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - before_s) * self._per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[client] = (left if wait_s else left - 1, now_s)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait_s
