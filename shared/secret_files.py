"""Secrets from files: ``MAPSTREAM_NATS__PASSWORD_FILE`` names the one that holds the password."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings

from shared.errors import ConfigurationError
from shared.redaction import register

OWNERS = 0o600


def with_secret_files(
    kind: type[BaseSettings], variables: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Replace each variable that names the file of a secret by the secret itself.

    Args:
        kind: Whose secrets.
        variables: Of the environment, names in lower case.

    Raises:
        ConfigurationError: A file cannot be read or is empty, or the secret is given twice.
    """
    found = dict(variables)
    for name in secret_variables(kind, str(kind.model_config.get("env_prefix", "")).lower()):
        file = found.pop(f"{name}_file", None)
        if file is None:
            continue
        if found.get(name) is not None:
            raise ConfigurationError(f"{name.upper()} and {name.upper()}_FILE are both set")
        found[name] = read_secret(Path(file), f"{name.upper()}_FILE")
    return found


def read_secret(file: Path, setting: str) -> str:
    """Read a secret; white space around it, as the line end of most files, is not part of it.

    Args:
        file: What holds the secret and nothing else.
        setting: What named the file, for messages.

    Raises:
        ConfigurationError: The file cannot be read, or is empty.
    """
    try:
        secret = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"{setting}: {file}: cannot be read: {why}") from error
    register(secret)
    if not secret:
        raise ConfigurationError(f"{setting}: {file} is empty")
    return secret


def secret_variables(kind: type[BaseModel], prefix: str) -> Iterator[str]:
    """List the variables of all secrets below a section, in lower case."""
    for name, field in kind.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        for one in kinds:
            if one is SecretStr:
                yield f"{prefix}{name}"
            elif isinstance(one, type) and issubclass(one, BaseModel):
                yield from secret_variables(one, f"{prefix}{name}__")


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read; until it is whole, the old one is there.

    Raises:
        OSError: It cannot be written.
    """
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS), "w") as opened:
        opened.write(text)
    new.replace(file)
