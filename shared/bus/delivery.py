"""What becomes of a message whose handler failed. Pure: no bus, no clock."""

from dataclasses import dataclass

from shared.errors import InvalidMessage, TransientError


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver again after a pause."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Bury:
    """Copy to the dead letters and never deliver again."""

    reason: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a message is retried."""

    max_deliveries: int = 10
    """For errors that nobody foresaw; an outage is waited for without an end."""
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0


def decide(error: Exception, deliveries: int, policy: RetryPolicy) -> Retry | Bury:
    """Choose between another try and the dead letters.

    Args:
        error: What the handler raised.
        deliveries: How often this message was delivered, this time included.
        policy: The limits.

    Returns:
        A burial of what can never work, and of what failed too often in a way that nobody
        foresaw. A retry whose pause doubles with every delivery otherwise; a failure of the
        outside world is retried for ever.
    """
    if isinstance(error, InvalidMessage):
        return Bury(reason=f"invalid: {error}")
    if not isinstance(error, TransientError) and deliveries >= policy.max_deliveries:
        return Bury(reason=f"gave up after {deliveries} deliveries: {error!r}")
    doublings = min(deliveries - 1, 32)
    return Retry(delay_s=min(policy.first_delay_s * 2.0**doublings, policy.longest_delay_s))
