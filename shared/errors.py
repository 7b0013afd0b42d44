"""The errors that cross a service boundary.

* MapstreamError
  x InvalidMessage      the message can never be handled: dead letter at once
  x TransientError      the outside world failed: retry with a growing pause
    x BusAway           the bus did not answer
    x OwnedElsewhere    another replica works on what the message is about
  x BeginAnew           what it stood on is gone: the process ends, and is started again
  x ConfigurationError  the process can't start: it ends with EXIT_CONFIGURATION
    x Unfit             the place where it would work lacks something
"""

EXIT_CONFIGURATION = 2
"""How a process ends that cannot start: another start is in vain."""


class MapstreamError(Exception):
    """Base of every error this code base raises on purpose."""


class InvalidMessage(MapstreamError):  # noqa: N818  it names the message, not the failure
    """The message can never be handled, however often it is redelivered."""


class TransientError(MapstreamError):
    """Something outside failed; the same message may succeed later."""


class BusAway(TransientError):  # noqa: N818  it names the state of the bus
    """The bus did not answer; whether it got a command is not known."""


class OwnedElsewhere(TransientError):  # noqa: N818  it names where the work is done
    """Another replica works on what the message is about: it is given back, and comes to that."""


class BeginAnew(MapstreamError):  # noqa: N818  it names what is to be done
    """What the work stood on is gone or another: it ends, and begins anew.

    No SystemExit: raised in a task, that leaves the loop before everything is closed.
    """


class ConfigurationError(MapstreamError):
    """The settings make it impossible to start."""


class Unfit(ConfigurationError):  # noqa: N818  it names the state of the place
    """The place where a process would work lacks something for good: another start is in vain."""

    def __init__(self, subject: str, *, found: str, needed: str, remedy: str) -> None:
        super().__init__(f"{subject}: {found}; needed: {needed}; {remedy}")
        self.subject = subject
        self.found = found
        self.needed = needed
        self.remedy = remedy


def first_leaf(errors: BaseException) -> BaseException:
    """Return the first error of a group, however deep it lies; of no group, the error itself."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
