"""Which columns a collection prefers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

NAMED = 1000
"""Of the columns that there are, so many characters are told."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Columns of a table: those that make the text, and those that are kept beside it."""

    text: tuple[str, ...] = ()
    """None: all."""
    context: tuple[str, ...] | None = None
    """None: all that make no text."""

    @property
    def is_nothing(self) -> bool:
        """Whether nobody has chosen any."""
        return not self.text and self.context is None

    @property
    def names(self) -> tuple[str, ...]:
        """All that are named, each once."""
        return tuple(dict.fromkeys((*self.text, *(self.context or ()))))

    def there(self, columns: Sequence[str]) -> "Chosen":
        """Return what of it a table has; if nothing of its text, all of that is text."""
        text = tuple(one for one in self.text if one in columns)
        if self.context is None:
            return Chosen(text)
        return Chosen(text, tuple(one for one in self.context if one in columns))

    def spell(self) -> str:
        """Write it for an audit."""
        text = ", ".join(self.text) or "all columns"
        kept = "all others" if self.context is None else ", ".join(self.context) or "none"
        return f"text: {text}; kept beside it: {kept}"


@dataclass(frozen=True, slots=True)
class Preferred:
    """What a collection prefers, in one of its versions."""

    version: int
    chosen: Chosen
    at: datetime
    by: str


def why_unknown(missing: Sequence[str], there: Iterable[str], unknown: int) -> str:
    """Say that columns do not exist in a collection, and what helps."""
    names = ", ".join(repr(one) for one in missing)
    told = ", ".join(there)[:NAMED] or "none"
    more = f"; the columns of {unknown:,} files are not known yet: ask again" if unknown else ""
    return f"no table of the collection has {names}; its uploaded tables have: {told}{more}"
