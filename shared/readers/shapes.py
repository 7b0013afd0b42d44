"""What a cell looks like: a number, a date, nothing, or words."""

import re
from typing import Final, Literal

Shape = Literal["empty", "number", "date", "stand-in", "word", "text"]

STAND_INS: Final = frozenset(
    ("-", "--", "\u2013", "n/a", "na", "nan", "null", "none", "nil", "?", "*", ".", "..",
     "...", ":", "x", "missing", "#n/a", "(blank)", "not available", "unknown")
)  # fmt: skip
"""What is written where a value is missing."""
NUMBER: Final = re.compile(
    r"[(<>~≤≥±]?\s?[-+]?\s?(?:[$£€¥₩]|USD|EUR|GBP)?\s?[-+]?"
    r"(?:\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d*)?|[.,]\d+)"
    r"(?:[eE][-+]?\d+)?\s?(?:%|[$£€¥₩]|USD|EUR|GBP)?\)?"
)
DATE: Final = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d{1,2}(?::\d{2}){0,2}(?:[.,]\d+)?"
    r"(?:\s?[AaPp][Mm])?(?:Z|\s?[-+]\d{2}:?\d{2}|\s?[A-Z]{3})?)?"
    r"|\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s?[AaPp][Mm])?"
    r"|\d{1,2}[-/ .]?[A-Za-z]{3,9}\.?[-/ ,.]*\d{2,4}|[A-Za-z]{3,9}\.?[-/ ]\d{1,2}(?:, ?\d{4})?"
)
WORD: Final = re.compile(r"[^\s,;|\t\"]+")


def shape_of(cell: str) -> Shape:
    """Say what a cell looks like."""
    cell = cell.strip()
    if not cell:
        return "empty"
    if len(cell) <= 40:  # noqa: PLR2004  no number and no date is longer
        if NUMBER.fullmatch(cell):
            return "number"
        if DATE.fullmatch(cell):
            return "date"
        if cell.lower() in STAND_INS:
            return "stand-in"
    return "word" if WORD.fullmatch(cell) else "text"
