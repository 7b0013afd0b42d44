"""A token that stands in a file of its own, as container platforms hand out secrets."""

from pathlib import Path

from pydantic import SecretStr

from shared.bearer import check_key
from shared.errors import ConfigurationError
from shared.secret_files import read_secret

SETTING = "gateway.tokens"


def read_token(file: Path, *, shortest: int) -> str:
    """Read a token; white space around it does not count.

    Raises:
        ConfigurationError: The file cannot be read, or holds no token.
    """
    token = read_secret(file, SETTING)
    try:
        check_key(SecretStr(token))
    except ValueError as error:
        raise ConfigurationError(f"{SETTING}: {file}: {error}") from error
    if len(token) < shortest:
        raise ConfigurationError(
            f"{SETTING}: {file}: must hold one token of at least {shortest} characters"
        )
    return token
