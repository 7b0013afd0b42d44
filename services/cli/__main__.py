"""Entry point: ``mapstream``, or ``python -m services.cli``."""

import sys

from services.cli.app import build_app
from shared.loading import leave_out
from shared.redaction import guard_exceptions, tell_exception


def main() -> None:
    """Run the command line."""
    guard_exceptions()
    leave_out("aiohttp")  # nats-py loads it for WebSockets, in the middle of a first connection
    try:
        build_app()()
    except Exception as error:  # noqa: BLE001  typer would show it by a hook of its own
        tell_exception(type(error), error, error.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main()
