"""What becomes of a message whose handler failed. Pure: no bus, no clock."""

from dataclasses import dataclass

from shared.errors import InvalidMessage, TransientError

MOST_REMEMBERED = 10_000
"""More messages than a process has in hand; the oldest are somebody else's by now."""


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

    max_failures: int = 10
    """For errors that nobody foresaw; an outage is waited for without an end."""
    max_deaths: int = 5
    """So many processes may end with nothing but a message in hand before it is given up."""
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Tries:
    """How often the handling of a message has failed in this process.

    The server's count of deliveries does not tell: whatever was given back counts there, too.
    """

    failed: int = 0
    unforeseen: int = 0
    """So many of them in a way that nobody foresaw, and not for what was handled beside it."""

    def after(self, error: Exception) -> "Tries":
        """Count one more."""
        is_foreseen = isinstance(error, TransientError | InvalidMessage)
        return Tries(self.failed + 1, self.unforeseen + (not is_foreseen))


class TriesOfMessages:
    """The tries of the messages that have failed last, of a bounded number of them."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._tries: dict[bytes, Tries] = {}
        self._most = most

    def failed(self, message: bytes, error: Exception) -> Tries:
        """Count a failure of a message, and return all of its tries."""
        tries = self._tries.pop(message, Tries()).after(error)
        self._tries[message] = tries
        if len(self._tries) > self._most:
            del self._tries[next(iter(self._tries))]
        return tries

    def over(self, message: bytes) -> None:
        """Forget a message that is settled."""
        self._tries.pop(message, None)


def decide(error: Exception, tries: Tries, policy: RetryPolicy) -> Retry | MoveToDeadLetters:
    """Choose between another try and the dead letters.

    Args:
        error: What the handler raised.
        tries: How often this message has failed, this time included.
        policy: The limits.

    Returns:
        The dead letters for what can never work, and for what failed too often in a way that
        nobody foresaw. A retry whose pause doubles with every failure otherwise; a failure of the
        outside world is retried for ever.
    """
    if isinstance(error, EndsProcess):
        return MoveToDeadLetters(reason=str(error))
    if isinstance(error, InvalidMessage):
        return MoveToDeadLetters(reason=f"invalid: {error}")
    if not isinstance(error, TransientError) and tries.unforeseen >= policy.max_failures:
        return MoveToDeadLetters(reason=f"gave up after {tries.unforeseen} failures: {error!r}")
    doublings = min(tries.failed - 1, 32)
    return Retry(delay_s=min(policy.first_delay_s * 2.0**doublings, policy.longest_delay_s))


def require_survivable(deaths: int, policy: RetryPolicy) -> None:
    """Check that a message has not ended too many processes.

    Raises:
        EndsProcess: It has.
    """
    if deaths >= policy.max_deaths:
        raise EndsProcess(f"ended the process {deaths} times")
