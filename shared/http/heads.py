"""What the head of a request may look like: RFC 9112, without what it only tolerates.

Whatever two servers in a row could read differently is refused, since a second request can be
hidden in it: line ends that are none, folded fields, two lengths, a length beside chunks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

END = b"\r\n\r\n"
STRAY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n)")
"""Control characters but tabs; half of a line's end."""
LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) (HTTP/([0-9])\.[0-9])")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
ABSOLUTE = re.compile(rb"https?://([^/?#@]*)(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
LENGTH = re.compile(rb"[0-9]{1,18}")
CHUNKED = b"chunked"
CONTINUE = b"100-continue"

Field = tuple[bytes, bytes]


class RefusedRequestError(Exception):
    """A request is answered by the door itself, and its connection closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLimits:
    """How large the head of a request may be."""

    max_bytes: int = 16_384
    max_line_bytes: int = 8_192
    """Of the first line, which has the target."""
    max_fields: int = 100


def check_head(received: bytes, limits: HeadLimits) -> None:
    """Check the head that these bytes begin with, as far as it has come.

    Raises:
        RefusedRequestError: It is no request, or not one of ours.
    """
    head, end, _ = received.partition(END)
    _check_size(head, limits, is_whole=bool(end))
    # The half of an end that has yet to come is no stray one.
    stray = STRAY.search(head if end else head.removesuffix(b"\r"))
    if stray:
        raise RefusedRequestError(400, f"a stray byte 0x{stray[0][0]:02x} in the head")
    if end:
        line, *fields = head.split(b"\r\n")
        version = _check_line(line)
        _check_fields(version, [_parse_field(one) for one in fields], limits)


def split_target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """Return the path and query of a target, and the host that it names, if it is a whole URL.

    Raises:
        RefusedRequestError: It is neither a path, nor a URL, nor the asterisk of OPTIONS.
    """
    if b"#" in target:
        raise RefusedRequestError(400, "the target must not have a fragment")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target, None
    if method == b"CONNECT":
        raise RefusedRequestError(501, "this server is no proxy")
    url = ABSOLUTE.fullmatch(target)
    if url is None or not url[1] or not HOST.fullmatch(url[1]):
        raise RefusedRequestError(400, "the target must be a path, or a URL of http or https")
    path = url[2] or (b"*" if method == b"OPTIONS" and not url[3] else b"/")
    return path + (url[3] or b""), url[1]


def _check_size(head: bytes, limits: HeadLimits, *, is_whole: bool) -> None:
    line = head.split(b"\r\n", 1)[0]
    if len(line) > min(limits.max_line_bytes, limits.max_bytes):
        raise RefusedRequestError(
            414, f"the target is too long: {limits.max_line_bytes} bytes at most"
        )
    if len(head) + (len(END) if is_whole else 0) > limits.max_bytes:
        raise RefusedRequestError(431, f"the head is too large: {limits.max_bytes} bytes at most")


def _check_line(line: bytes) -> bytes:
    """Check the first line; return the version."""
    parts = LINE.fullmatch(line)
    if parts is None:
        raise RefusedRequestError(400, "the first line must be METHOD TARGET HTTP/1.1")
    if parts[4] != b"1":
        raise RefusedRequestError(505, "this server speaks HTTP/1.1 and HTTP/1.0")
    split_target(parts[1], parts[2])
    return parts[3]


def _parse_field(line: bytes) -> Field:
    if line.startswith((b" ", b"\t")):
        raise RefusedRequestError(400, "a field must not be folded over lines")
    parts = FIELD.fullmatch(line)
    if parts is None:
        raise RefusedRequestError(
            400, "a field must be NAME: VALUE, with nothing before the colon"
        )
    return parts[1].lower(), parts[2]


def _check_fields(version: bytes, fields: Sequence[Field], limits: HeadLimits) -> None:
    if len(fields) > limits.max_fields:
        raise RefusedRequestError(431, f"too many fields: {limits.max_fields} at most")
    _check_host(version, _values(fields, b"host"))
    lengths = _values(fields, b"content-length")
    if len(lengths) > 1 or not all(map(LENGTH.fullmatch, lengths)):
        raise RefusedRequestError(400, "Content-Length must be one number")
    codings = _values(fields, b"transfer-encoding")
    if codings:
        _check_codings(version, b",".join(codings).lower(), has_length=bool(lengths))
    expected = _values(fields, b"expect")
    if any(one.lower() != CONTINUE for one in expected):
        raise RefusedRequestError(417, "nothing but 100-continue can be expected")


def _check_host(version: bytes, hosts: Sequence[bytes]) -> None:
    if len(hosts) > 1 or (not hosts and version != b"HTTP/1.0"):
        raise RefusedRequestError(400, "there must be one Host")
    if not all(map(HOST.fullmatch, hosts)):
        raise RefusedRequestError(400, "Host must be NAME or NAME:PORT")


def _check_codings(version: bytes, codings: bytes, *, has_length: bool) -> None:
    if has_length:
        raise RefusedRequestError(400, "Content-Length and Transfer-Encoding exclude each other")
    if version == b"HTTP/1.0":
        raise RefusedRequestError(400, "HTTP/1.0 has no Transfer-Encoding")
    *others, last = [one.strip(b" \t") for one in codings.split(b",")]
    if last != CHUNKED or CHUNKED in others:
        raise RefusedRequestError(
            400, "the last and only the last Transfer-Encoding must be chunked"
        )
    if others:
        raise RefusedRequestError(501, "no Transfer-Encoding but chunked is known here")


def _values(fields: Sequence[Field], name: bytes) -> list[bytes]:
    return [value for known, value in fields if known == name]
