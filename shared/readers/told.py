"""What a person says about a file, where that is known better than it can be found out."""

from dataclasses import dataclass
from typing import Final

FORMATS: Final = ("csv", "xlsx", "xls", "ods", "parquet", "jsonl", "text", "markdown", "agent-run")


@dataclass(frozen=True, slots=True)
class Told:
    """What is known better; nothing of it has to be."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    """The line or row that names the columns; 0: none does."""
    sheets: tuple[str, ...] = ()
    """The sheets to read, hidden ones too; none given: all that are seen."""
