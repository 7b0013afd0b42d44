"""The arguments of a service that is started alone: few, and an unknown one is a mistake."""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from shared.errors import EXIT_CONFIGURATION

HELP = ("-h", "--help")
VERSION = "--version"


def answer_arguments(words: Sequence[str], options: Mapping[str, str]) -> None:
    """Print help or the version and exit, if that is asked for, or if a word is no option.

    Args:
        words: What the program was started with, its own path first.
        options: Those that it has beside these, and what they do.
    """
    program, *given = words
    *_, where, name, file = ("", "", *Path(program).parts)
    # A service may as well be started from within another program, with arguments of that.
    if (where, file) != ("services", "__main__.py"):
        return
    if VERSION in given:
        sys.stdout.write(f"mapstream {version('mapstream')}\n")
        sys.exit(0)
    usage = f"usage: python -m services.{name} [{'] ['.join([*options, VERSION, '-h'])}]"
    if set(HELP) & set(given):
        about = [f"  {option}  {what}" for option, what in options.items()]
        settings = "Runs until SIGINT or SIGTERM. Its settings: docs/configuration.md"
        sys.stdout.write("\n".join([usage, settings, *about]) + "\n")
        sys.exit(0)
    if unknown := [word for word in given if word not in options]:
        sys.stderr.write(f"mapstream: unknown argument {unknown[0]!r}; {usage}\n")
        sys.exit(EXIT_CONFIGURATION)
