"""What is wrong, with a configuration above all, in a line per mistake that says where."""

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from shared.errors import EXIT_CONFIGURATION, ConfigurationError, MapstreamError
from shared.redaction import redact, register_settings
from shared.terminal_safe import terminal_safe
from shared.variables import fields_beside, nearest, origin

LINE_END = "\n"
QUOTED = re.compile("'[^']{2,}'")
SECRET = re.compile("password|key|secret|token")
EXIT_FAILURE = 1


def tell(error: MapstreamError) -> int:
    """Write a known error on stderr, without a traceback, and return the exit code for it."""
    sys.stderr.write(f"mapstream: {terminal_safe(redact(str(error)), keep=LINE_END)}\n")
    return EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else EXIT_FAILURE


def check_file(file: Path, sections: Collection[str]) -> None:
    """Check that a configuration file can be read and has no unknown section.

    Raises:
        ConfigurationError: Says what is wrong with which file.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is not YAML: {_place(error)}") from error
    register_settings(content)
    if content is None:
        return
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file}: must be a mapping of sections")
    for name in content:
        if name not in sections:
            meant = nearest(str(name), sections)
            known = f"known are {', '.join(sorted(sections))}"
            hint = f"did you mean '{meant}'? {known}" if meant else known
            raise ConfigurationError(f"{file}: unknown section '{name}'; {hint}")


def _place(error: Exception) -> str:
    """Say what is wrong and where, without the words that stand there: one may be a secret."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    what = QUOTED.sub("'...'", what)
    return f"{what}, line {mark.line + 1}, column {mark.column + 1}" if mark else what


def describe(
    error: ValidationError,
    kind: type[BaseModel],
    otherwise: str,
    variables: Mapping[str, str | None] | None = None,
) -> str:
    """Say in a line per mistake which variable or field is wrong, how, and what stands there.

    What may be a secret is not repeated: it would end in a log.

    Args:
        error: What Pydantic found.
        kind: The settings that were read.
        otherwise: Where a value came from that no variable gave.
        variables: Of the environment.
    """
    return "\n".join(_lines(error, kind, otherwise, variables or {}))


def _lines(
    error: ValidationError,
    kind: type[BaseModel],
    otherwise: str,
    variables: Mapping[str, str | None],
) -> Iterator[str]:
    for mistake in error.errors():
        place = mistake["loc"]
        field = ".".join(str(part) for part in place)
        where = f"{origin(place, variables, otherwise)}: {field}".removesuffix(": ")
        if mistake["type"] == "extra_forbidden":
            yield f"{where}: {_unknown(place, kind)}"
            continue
        is_plain = isinstance(mistake["input"], str | int | float | None)
        is_shown = is_plain and not SECRET.search(field) and "@" not in str(mistake["input"])
        given = f" (given: {redact(repr(mistake['input'])):.80})" if is_shown else ""
        yield f"{where}: {mistake['msg'].removeprefix('Value error, ')}{given}"


def _unknown(place: tuple[int | str, ...], kind: type[BaseModel]) -> str:
    """Say that there is no such field, and which one was meant."""
    beside = fields_beside(kind, place)
    meant = nearest(str(place[-1]), beside)
    hint = f"did you mean '{meant}'?" if meant else f"known are {', '.join(beside)}"
    return f"there is no such field; {hint}"
