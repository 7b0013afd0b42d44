"""What is said of records beside their text, as columns of a table.

Decided here: what logs of agents say has columns of its own, in whatever words they say it; every
other name is a column, too, as long as there is room. The type of such a column is what all its
values have in common; where they have nothing in common, it is text. Of what has no column, or is
no value of the column's type, the JSON that all of it is from still tells.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

Kind = Literal["integer", "number", "truth", "text"]
Said = Mapping[str, Any]

OF_RUNS: Mapping[str, Kind] = {
    "outcome": "text",
    "final_answer": "text",
    "input_tokens": "integer",
    "output_tokens": "integer",
    "cost": "number",
}
"""They are always there."""
MOST_COLUMNS = 64
"""Of those that are not; the names that most records have go first."""
MOST_NAMES = 4096
"""Names that come later than so many others are not counted."""
_TOKENS = {
    "input_tokens": ("input_tokens", "prompt_tokens", "total_input_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens", "total_output_tokens"),
}
_COST = ("cost", "total_cost")
_BY_MODEL = "model_usage_summaries"
_TAKEN = frozenset((*OF_RUNS, "usage"))
_MAX = 2**63


def parse(text: str | None) -> Said:
    """Read what is said of one record; what is no object says nothing."""
    if not text:
        return {}
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


class ColumnFinder:
    """Finds which columns a map has, record by record."""

    def __init__(self, taken: Sequence[str]) -> None:
        """Take the names that other columns have, whatever their case."""
        self._taken = frozenset(name.casefold() for name in (*taken, *_TAKEN))
        self._kinds: dict[str, Kind] = {}
        self._records: Counter[str] = Counter()

    def see(self, said: Said) -> None:
        """Take in what is said of one record."""
        for name, value in said.items():
            if value is None or name in _TAKEN:
                continue
            if name not in self._kinds and not self._has_room(name):
                continue
            before, kind = self._kinds.get(name), _kind_of(value)
            self._kinds[name] = kind if before in (None, kind) else _common(before, kind)
            self._records[name] += 1

    def found(self) -> dict[str, Kind]:
        """Return the columns in the order of their names; of names that differ in case, one."""
        chosen: dict[str, str] = {}
        for name in sorted(self._records, key=lambda one: (-self._records[one], one)):
            if len(chosen) < MOST_COLUMNS:
                chosen.setdefault(name.casefold(), name)
        return {name: self._kinds[name] for name in sorted(chosen.values())}

    def _has_room(self, name: str) -> bool:
        is_a_name = bool(name.strip()) and _plain(name) == name and name.isprintable()
        return is_a_name and len(self._kinds) < MOST_NAMES and name.casefold() not in self._taken


def values_of(name: str, kind: Kind, said: Sequence[Said]) -> list[Any]:
    """Return a column's values; none where nothing is said that it can hold."""
    if name in _TOKENS:
        return [_tokens(one.get("usage"), _TOKENS[name]) for one in said]
    if name == "cost":
        return [_cost(one) for one in said]
    convert = _CONVERT[kind]
    return [None if (value := one.get(name)) is None else convert(value) for one in said]


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int):
        return "integer" if -_MAX <= value < _MAX else "text"
    return "number" if isinstance(value, float) else "text"


def _common(one: Kind | None, other: Kind) -> Kind:
    return "number" if {one, other} == {"integer", "number"} else "text"


def _text(value: Any) -> str:
    is_text = isinstance(value, str)
    return _plain(value if is_text else json.dumps(value, ensure_ascii=False))


def _plain(text: str) -> str:
    """Return text that can be written."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _same(value: Any) -> Any:
    return value


_CONVERT: Mapping[Kind, Callable[[Any], Any]] = {
    "integer": _same,
    "number": float,
    "truth": _same,
    "text": _text,
}


def _tokens(usage: Any, names: Sequence[str]) -> int | None:
    """Find a count of tokens: said as such, or for each model."""
    if not isinstance(usage, dict):
        return None
    by_model = usage.get(_BY_MODEL)
    parts = list(by_model.values()) if isinstance(by_model, dict) else [usage]
    counts = [count for part in parts if (count := _count(part, names)) is not None]
    total = sum(counts)
    return total if counts and total < _MAX else None


def _count(usage: Any, names: Sequence[str]) -> int | None:
    if isinstance(usage, dict):
        for name in names:
            count = usage.get(name)
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < _MAX:
                return count
    return None


def _cost(said: Said) -> float | None:
    cost, usage = said.get("cost"), said.get("usage")
    for one in (cost, *(map(usage.get, _COST) if isinstance(usage, dict) else ())):
        if isinstance(one, float) or (_kind_of(one) == "integer" and isinstance(one, int)):
            return float(one)
    return None
