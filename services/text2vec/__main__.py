"""Run the service: ``python -m services.text2vec``."""

import sys

from services.text2vec.app import run
from services.text2vec.settings import Settings
from shared.errors import ConfigurationError
from shared.redaction import guard_exceptions, redact


def main() -> int:
    """Run until told to stop, and return the exit code."""
    guard_exceptions()
    try:
        run(Settings.load())
    except ConfigurationError as error:
        sys.stderr.write(f"text2vec: {redact('; '.join(str(error).splitlines()))}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
