"""What becomes of a message whose handler failed. Pure: no bus, no clock."""

from dataclasses import dataclass

from shared.errors import InvalidMessage, TransientError


class EndsProcess(InvalidMessage):
    """Process after process has ended while it had the message in hand."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver again after a pause."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class MoveToDeadLetters:
    """Copy to the dead letters and never deliver again."""

    reason: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a message is retried."""

    max_deliveries: int = 10
    """For errors that nobody foresaw; an outage is waited for without an end."""
    max_deaths: int = 5
    """So many processes may end with a message in hand before it is given up."""
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0


def decide(error: Exception, deliveries: int, policy: RetryPolicy) -> Retry | MoveToDeadLetters:
    """Choose between another try and the dead letters.

    Args:
        error: What the handler raised.
        deliveries: How often this message was delivered, this time included.
        policy: The limits.

    Returns:
        The dead letters for what can never work, and for what failed too often in a way that
        nobody foresaw. A retry whose pause doubles with every delivery otherwise; a failure of the
        outside world is retried for ever.
    """
    if isinstance(error, EndsProcess):
        return MoveToDeadLetters(reason=str(error))
    if isinstance(error, InvalidMessage):
        return MoveToDeadLetters(reason=f"invalid: {error}")
    if not isinstance(error, TransientError) and deliveries >= policy.max_deliveries:
        return MoveToDeadLetters(reason=f"gave up after {deliveries} deliveries: {error!r}")
    doublings = min(deliveries - 1, 32)
    return Retry(delay_s=min(policy.first_delay_s * 2.0**doublings, policy.longest_delay_s))


def require_survivable(deaths: int, policy: RetryPolicy) -> None:
    """Check that a message has not ended too many processes.

    Raises:
        EndsProcess: It has.
    """
    if deaths >= policy.max_deaths:
        raise EndsProcess(f"ended the process {deaths} times")
