"""A token that stands in a file of its own, as container platforms hand out secrets."""

from pathlib import Path

from shared.errors import ConfigurationError
from shared.redaction import register


def read_token(file: Path, *, shortest: int) -> str:
    """Read a token; white space around it does not count.

    Raises:
        ConfigurationError: The file cannot be read, or holds no token.
    """
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"gateway.tokens: {file}: cannot be read: {why}") from error
    register(token)
    if len(token) < shortest or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"gateway.tokens: {file}: must hold one token of at least {shortest} characters"
        )
    return token
