"""Text of others, such as a filename, on its way to a terminal."""

import unicodedata
from collections.abc import Collection

ACTED_ON = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Kinds of characters that move the cursor, turn the direction of writing, or end a line."""
JOINERS = frozenset("\u200c\u200d")
"""Of that kind too, but part of words and pictographs."""


def terminal_safe(text: str, *, keep: Collection[str] = ()) -> str:
    r"""Write what a terminal would act on as an escape such as ``\x1b``.

    Args:
        text: Whatever came from outside.
        keep: Characters to leave as they are, such as the ends of lines.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(one) if _is_acted_on(one) and one not in keep else one for one in text)


def _is_acted_on(character: str) -> bool:
    return unicodedata.category(character) in ACTED_ON and character not in JOINERS


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()
