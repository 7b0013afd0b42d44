"""Cells of a spreadsheet: what a program would take for a formula, it must not."""

import re

FORMULA = r"^[\t\r\n ]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
"""What cells begin with that spreadsheets run, in RE2's language: also the wide forms, and what
stands behind spaces, which some of them take away first."""
QUOTE = "'"
"""Put before such a cell it says: this is text."""
OURS = re.compile(re.sub(r"\\x\{([0-9A-F]+)\}", lambda found: chr(int(found[1], 16)), FORMULA))
"""The same in the language of this one."""


def cell(text: str) -> str:
    """Put a quotation mark before what a spreadsheet would run."""
    return QUOTE + text if OURS.match(text) else text
