"""Cells of a spreadsheet: what a program would take for a formula, it must not."""

FORMULA = r"^[\t\r\n ]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
"""What cells begin with that spreadsheets run, in RE2's language: also the wide forms, and what
stands behind spaces, which some of them take away first."""
QUOTE = "'"
"""Put before such a cell it says: this is text."""
