"""What the headers of an answer say of its body."""

import base64
import re
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_DIGEST = re.compile(r"\s*sha-256=:?([A-Za-z0-9+/]{43}=):?\s*", re.IGNORECASE)
MD5_BYTES = 16
LONGEST_VALIDATOR = 512


@dataclass(frozen=True, slots=True)
class Validators:
    """By what a content is known again."""

    etag: str | None = None
    modified: str | None = None

    @property
    def strong_etag(self) -> str | None:
        """An ETag that stands for the same bytes; a weak one stands for the same meaning."""
        return self.etag if self.etag and self.etag.startswith('"') else None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the bytes must hash to."""

    algorithm: Literal["sha256", "md5"]
    hexadecimal: str


def validators_of(headers: Mapping[str, str]) -> Validators:
    """Read ETag and Last-Modified; what is too long to be kept is none."""
    return Validators(_short(headers, "etag"), _short(headers, "last-modified"))


def expected_of(headers: Mapping[str, str]) -> Expected | None:
    """Read what the whole body must hash to, if the server tells and does not pack it."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return None
    for one in headers.get("repr-digest", headers.get("digest", "")).split(","):
        if found := _DIGEST.fullmatch(one):
            return Expected("sha256", base64.b64decode(found[1]).hex())
    try:
        told = base64.b64decode(headers.get("content-md5", ""), validate=True)
    except (Error, ValueError):
        return None
    return Expected("md5", told.hex()) if len(told) == MD5_BYTES else None


def length_of(headers: Mapping[str, str]) -> int | None:
    """Read Content-Length; None: it is not told, or no number."""
    told = headers.get("content-length", "").strip()
    return int(told) if told.isascii() and told.isdigit() and len(told) < len("9" * 19) else None


def goes_on_at(headers: Mapping[str, str], size: int, etag: str) -> bool:
    """Tell whether a part (206) is the rest of what was begun.

    Args:
        headers: Of the part.
        size: So many bytes are there.
        etag: Of the content that they are of.
    """
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None or headers.get("etag", etag).strip() != etag:
        return False
    first, last = int(found[1]), int(found[2])
    is_last = found[3] == "*" or last + 1 == int(found[3])
    return first == size and last >= first and is_last


def _short(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name, "").strip()
    return value if value.isascii() and 0 < len(value) <= LONGEST_VALIDATOR else None
