"""When certificates end: read from the files themselves, whoever wrote them."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

BEGIN = "-----BEGIN CERTIFICATE-----"
END = "-----END CERTIFICATE-----"
SEQUENCE = 0x30
VERSION = 0xA0
UTC_TIME = 0x17
BEFORE_VALIDITY = 3
"""Serial number, algorithm and issuer stand before the validity."""


def expiry(file: Path) -> float:
    """Return when the first certificate of a PEM file's chain ends, Unix time.

    Raises:
        OSError: The file cannot be read.
        ValueError: There is no certificate in it.
    """
    chain = [part + END for part in file.read_text("ascii", "replace").split(END)[:-1]]
    ends = [not_after(ssl.PEM_cert_to_DER_cert(one[one.index(BEGIN) :])) for one in chain]
    if not ends:
        raise ValueError(f"{file}: holds no certificate")
    return min(ends)


def not_after(certificate: bytes) -> float:
    """Return the end of a certificate's validity (RFC 5280, 4.1), Unix time.

    Raises:
        ValueError: It is no certificate.
    """
    try:
        fields = _items(_items(certificate)[0][1])  # of Certificate, its first: what is signed
        parts = [one for one in _items(fields[0][1]) if one[0] != VERSION]
        kind, told = _items(parts[BEFORE_VALIDITY][1])[1]
        text = told.decode("ascii")
        if kind == UTC_TIME:  # two digits of the year, until 2049
            text = ("19" if text[:2] >= "50" else "20") + text
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError) as error:
        raise ValueError("is no certificate") from error


def _items(content: bytes) -> list[tuple[int, bytes]]:
    return list(_walk(content))


def _walk(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the values that stand in one of DER, each with its tag."""
    at = 0
    while at < len(content):
        tag, size = content[at], content[at + 1]
        at += 2
        if size >> 7:  # the size is longer than a byte
            digits = size & 0x7F
            size = int.from_bytes(content[at : at + digits], "big")
            at += digits
        if at + size > len(content):
            raise ValueError("ends too early")
        yield tag, content[at : at + size]
        at += size
