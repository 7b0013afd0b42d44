"""Writes a model as a file that programs without Mapstream can load."""

from importlib import import_module
from pathlib import Path

from shared.contracts.model_document import ModelDocument
from shared.errors import ConfigurationError

FORMATS = ("skops", "json")
NEEDS = (
    "the format skops needs scikit-learn and skops, which are not installed here: use --format "
    "json, or a checkout's .venv/bin/mapstream after make setup"
)


def written(document: ModelDocument, form: str) -> bytes:
    """Write a model in one of the formats.

    Raises:
        ConfigurationError: What the format needs is not installed.
    """
    if form == "json":
        return document.model_dump_json().encode() + b"\n"
    try:
        body: bytes = import_module("services.cli.adapters.skops_model").dumps(document)
    except ImportError as error:
        raise ConfigurationError(NEEDS) from error
    return body


def write_file(file: Path, body: bytes, *, may_replace: bool) -> None:
    """Write a new file; nobody sees it half written.

    Raises:
        ConfigurationError: There is one, or it cannot be written.
    """
    try:
        target = file.resolve()
        if target.exists() and not target.is_file():
            raise ConfigurationError(f"{file}: is no file; name one with -o, or - for stdout")
        if target.exists() and not may_replace:
            raise ConfigurationError(f"{file}: is there already; replace it with --force")
        _replace(target, body)
    except OSError as error:
        raise ConfigurationError(
            f"{file}: cannot be written: {error.strerror}; name another place with -o"
        ) from error


def _replace(target: Path, body: bytes) -> None:
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)
    try:
        with new.open("xb") as opened:
            opened.write(body)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
