"""What of a text are words: letters of any script, and nothing that only its notation has."""

import re
import unicodedata

WORD = r"\b[^\W\d_][^\W\d]{2,29}\b"
"""From three to thirty letters, with underscores between them: names in code are words, too."""
NOTATION = re.compile(
    r"```[\w+-]*"  # a fence and its language
    r"|\w+://\S+"  # an address
    r"|</?[A-Za-z][^<>]{0,200}>"  # a tag
    r"|\b(?:application|text|image)/[\w.+-]+"  # a media type
    r"|\"[^\"\\\n]{1,60}\"\s*:"  # the name of a field
    r"|(?<=\w)\.[a-z0-9]{1,4}\b(?!\.)"  # what the name of a file ends with
    r"|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)"  # an escape
)
LITERAL = re.compile(
    r"(?<=[:,\[({=\s])(?:true|false|null|none|nan|undefined)(?=\s*(?:[,\])};]|$))", re.IGNORECASE
)
"""A value that has no quotes, where values stand."""


FIELD = re.compile(r"^[^:\n]{1,80}: ", re.MULTILINE)
FEWEST_FIELDS = 2
"""Where so many lines, and most of all, begin with the name of a field, it is a row of a table."""


def plain(text: str, most: int) -> str:
    """Return the beginning of a text in small letters, without what its notation has.

    Of a row of a table that includes the names of its columns: every row has them.

    Args:
        text: The text.
        most: So many characters of it.
    """
    begun = text[:most]
    fields = len(FIELD.findall(begun))
    if fields >= FEWEST_FIELDS and 2 * fields > begun.count("\n") + 1:
        begun = FIELD.sub("", begun)
    whole = unicodedata.normalize("NFC", begun).lower()
    return LITERAL.sub(" ", NOTATION.sub(" ", whole))


def is_form_of(word: str, other: str) -> bool:
    """Tell whether two words are forms of one: they begin alike, three letters in four."""
    least = max(4, -(-3 * min(len(word), len(other)) // 4))
    return word[:least] == other[:least]


def script_of(word: str) -> str:
    """Name the script of a word by its first letter: latin, cyrillic and so on."""
    return unicodedata.name(word[0], "unknown").partition(" ")[0].lower()
