"""Records that an analysis service has made of a file, as the lines that our reader reads."""

import json
from typing import Any

OWN = ("text", "key")


def line_of(given: bytes) -> bytes:
    """Return a line of ours for one of theirs; what is no record becomes a dead letter there.

    Attributes become fields beside text and key. An object without text would be passed over by
    the reader, as an empty row is: it is written as a text of JSON, which is told as a bad line.
    """
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        return given
    if not isinstance(found, dict):
        return given
    text, key, attributes = (found.get(name) for name in ("text", "key", "attributes"))
    is_record = isinstance(text, str) and text.strip() and isinstance(attributes, dict | None)
    if not is_record:
        return _written(f"no record: {given.decode('utf-8', 'replace')}")
    beside = {
        f"attributes.{name}" if name in OWN else name: value
        for name, value in (attributes or {}).items()
    }
    own = {"text": text} | ({} if key is None else {"key": key})
    return _written(own | beside)


def _written(value: Any) -> bytes:
    return json.dumps(value).encode()


class Lines:
    """Lines out of pieces, as they come."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self.count = 0
        """Lines so far that have something in them."""

    def take(self, piece: bytes) -> bytes:
        """Take the next bytes, and give the lines of ours that are whole by now."""
        self._rest += piece
        end = self._rest.rfind(b"\n")
        if end < 0:
            return b""
        whole, self._rest = bytes(self._rest[:end]), self._rest[end + 1 :]
        return self._ours(whole)

    def rest(self) -> bytes:
        """Give the last line, which need not end."""
        whole, self._rest = bytes(self._rest), bytearray()
        return self._ours(whole) if whole else b""

    def _ours(self, whole: bytes) -> bytes:
        lines = whole.split(b"\n")
        self.count += sum(bool(one.strip()) for one in lines)
        return b"".join(line_of(one) + b"\n" for one in lines)
