"""Run the service: ``python -m services.text2vec``."""

import sys

from services.text2vec.app import checks, run
from services.text2vec.settings import Settings
from shared.arguments import answer_arguments
from shared.errors import ConfigurationError
from shared.mistakes import tell
from shared.preflight import CHECK_OPTION, OPTIONS, examine, tell_findings
from shared.redaction import guard_exceptions


def main() -> int:
    """Run until told to stop, or only look at the place, and return the exit code."""
    guard_exceptions()
    answer_arguments(sys.argv, OPTIONS)
    if CHECK_OPTION in sys.argv[1:]:
        return tell_findings(lambda: examine(checks(Settings.load())))
    try:
        run(Settings.load())
    except ConfigurationError as error:
        return tell(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
