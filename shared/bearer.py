"""Keys and passwords that are sent: which characters they may have."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, SecretStr

FIRST, LAST = 0x21, 0x7E
"""What a header may hold without spaces: a key has none."""


def check_key(secret: SecretStr | None) -> SecretStr | None:
    """Check that a key can stand in an HTTP header; the key itself is not told.

    Raises:
        ValueError: It cannot; says which character is in the way, and where.
    """
    text = secret.get_secret_value() if secret else ""
    for place, character in enumerate(text):
        if not FIRST <= ord(character) <= LAST:
            raise ValueError(_wrong(text, place, "no HTTP header can hold in a key"))
    return secret


def check_password(secret: SecretStr | None) -> SecretStr | None:
    """Check that a password has no line end or other control character, as copied ones do.

    Raises:
        ValueError: It has; says which, and where.
    """
    text = secret.get_secret_value() if secret else ""
    for place, character in enumerate(text):
        if unicodedata.category(character) == "Cc":
            raise ValueError(_wrong(text, place, "is not part of a password"))
    return secret


def _wrong(text: str, place: int, why: str) -> str:
    where = "ends with" if place == len(text) - 1 else "holds" if place else "begins with"
    code = f"U+{ord(text[place]):04X}"
    name = unicodedata.name(text[place], "a line end" if text[place] in "\r\n" else "")
    what = f"{name} ({code})" if name else code
    return f"it {where} {what}, which {why}: copy it again without it"


Key = Annotated[SecretStr | None, AfterValidator(check_key)]
"""A secret that is sent, or awaited, as a bearer token."""
Password = Annotated[SecretStr | None, AfterValidator(check_password)]
"""A secret that is sent otherwise."""
