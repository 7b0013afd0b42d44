"""How the text of a source is written: UTF-8, or UTF-16 or UTF-32 in either order of bytes.

A byte order mark says so, and where there is none the first two characters do: a log begins with a
brace or space and another ASCII character, whose zero bytes show width and order. NULs before that
(a log that was emptied while its writer went on, a file with a hole) are no text.
"""

from dataclasses import dataclass

EVIDENCE_BYTES = 16
"""So many bytes, from a multiple of four before the first that is no NUL, are enough to decide."""
ALIGNMENT = 4
BEGINNINGS = b"{[ \t\r\n"
BOM = "\ufeff"
SPACE = " \t\r\n\0"
"""What may stand between two values: white space of JSON, and NULs of a hole."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to write text as bytes."""

    name: str
    """As Python's codec."""
    width: int = 1
    """Bytes of the smallest unit."""

    @property
    def newline(self) -> bytes:
        """The end of a line."""
        return "\n".encode(self.name)

    @property
    def is_wide(self) -> bool:
        """Whether a character of ASCII has more than one byte."""
        return self.width > 1

    def decode(self, data: bytes) -> str:
        """Return text of which every part has as many bytes as in the data.

        Bytes that are no text become lone surrogates or U+FFFD; of a last unit that is cut off,
        nothing.
        """
        if not self.is_wide:
            # One character per odd byte, so the very same bytes come back.
            return data.decode("utf-8", "surrogateescape")
        whole = data[: len(data) - len(data) % self.width]
        try:
            return whole.decode(self.name, "surrogatepass")
        except UnicodeDecodeError:
            return whole.decode(self.name, "replace")

    def size_of(self, text: str) -> int:
        """Return how many bytes a part of decoded text has."""
        if text.isascii():
            return len(text) * self.width
        return len(text.encode(self.name, "surrogatepass" if self.is_wide else "surrogateescape"))

    def find_newline(self, data: bytes, position: int) -> int:
        """Return where the next newline begins; -1: there is none. The data begins at a unit."""
        found = data.find(self.newline, position)
        while found >= 0 and found % self.width:
            found = data.find(self.newline, found + 1)
        return found

    def leading_nuls(self, data: bytes) -> int:
        """Return how many bytes of the data's beginning are NUL characters."""
        found = len(data) - len(data.lstrip(b"\0"))
        return found - found % self.width

    def trailing_nuls(self, data: bytes) -> int:
        """Return how many bytes of the data's end are NUL characters."""
        found = len(data) - len(data.rstrip(b"\0"))
        return found - found % self.width

    def last_line(self, data: bytes) -> tuple[bytes, bool]:
        """Return the last line that is not blank, and whether it is there from its beginning.

        NULs begin a new one: what was written before them is not what comes after.
        """
        text = self.decode(data).rstrip(SPACE)
        position = max(text.rfind("\n"), text.rfind("\0")) + 1
        start = self.size_of(text[:position])
        return data[start : start + self.size_of(text[position:])], position > 0


UTF_8 = Encoding("utf-8")
UTF_16_LE, UTF_16_BE = Encoding("utf-16-le", 2), Encoding("utf-16-be", 2)
UTF_32_LE, UTF_32_BE = Encoding("utf-32-le", 4), Encoding("utf-32-be", 4)
WIDE = (UTF_32_LE, UTF_32_BE, UTF_16_LE, UTF_16_BE)
"""The longer ones first: the mark of UTF-16 is the beginning of that of UTF-32."""


def detect(data: bytes) -> Encoding:
    """Say how a source is written.

    Args:
        data: Its bytes from a multiple of four before the first that is no NUL.
    """
    for encoding in WIDE:
        if _begins(data, encoding):
            return encoding
    return UTF_8


def _begins(data: bytes, encoding: Encoding) -> bool:
    start = encoding.leading_nuls(data)
    text = encoding.decode(data[start : start + 2 * encoding.width])
    if text[:1] == BOM:
        # Of the longer one, the mark alone could be that of UTF-16 and a NUL.
        return encoding.width == 2 or text[1:2].isascii()  # noqa: PLR2004  bytes of UTF-16
    return len(text) == 2 and text[0] in BEGINNINGS.decode() and "\0" < text[1] < "\x7f"  # noqa: PLR2004
