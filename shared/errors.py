"""The errors that cross a service boundary.

* MapstreamError
  x InvalidMessage      the message can never be handled: dead letter at once
  x TransientError      the outside world failed: retry with a growing pause
    x BusAway           the bus did not answer
  x ConfigurationError  the process can't start: exit with code 2
"""


class MapstreamError(Exception):
    """Base of every error this code base raises on purpose."""


class InvalidMessage(MapstreamError):  # noqa: N818  it names the message, not the failure
    """The message can never be handled, however often it is redelivered."""


class TransientError(MapstreamError):
    """Something outside failed; the same message may succeed later."""


class BusAway(TransientError):  # noqa: N818  it names the state of the bus
    """The bus did not answer; whether it got a command is not known."""


class ConfigurationError(MapstreamError):
    """The settings make it impossible to start."""
