"""Whether whoever wrote a source has ended, and what tells otherwise."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.discovery.domain.json_values import Decode, JsonObject, parse_line
from services.discovery.domain.lines import Line

CompleteWhen = Literal["final_answer", "any_line", "unchanged", "sidecar"]
WhyIncomplete = Literal[
    "empty", "no_json_at_end", "no_final_answer", "changed_lately", "no_sidecar"
]
OUTSIDE: frozenset[WhyIncomplete] = frozenset(("changed_lately", "no_sidecar"))
"""Lacks of which the file itself does not show when they end."""
EXPLAINED: dict[WhyIncomplete, str] = {
    "empty": "it holds no line yet",
    "no_json_at_end": "its last line is no whole JSON object: it is being written, cut off, or of "
    "another format",
    "no_final_answer": "its last line has no final_answer: the run goes on, or its writer never "
    "adds one; if so, set complete_when",
    "changed_lately": "it has changed too lately: it is read when it has been left alone for "
    "unchanged_minutes",
    "no_sidecar": "the file beside it that says that it is complete is not there: its name with "
    "the ending of 'sidecar'",
}
"""What each means, in words for people."""


@dataclass(frozen=True, slots=True)
class Completion:
    """When sources of a root are complete."""

    when: CompleteWhen = "final_answer"
    unchanged: timedelta = timedelta(minutes=10)
    """With ``unchanged``: for how long."""
    sidecar: str = ".done"
    """With ``sidecar``: what the name of the file beside it has more."""

    def why_too_young(self, ctime_ns: int, now: datetime) -> WhyIncomplete | None:
        """Tell whether a source changed too lately.

        Args:
            ctime_ns: When its data or facts last changed; unlike the time of modification, a
                writer cannot set it.
            now: The present time.
        """
        changed_at = datetime.fromtimestamp(ctime_ns / 1e9, UTC)
        return "changed_lately" if now - changed_at < self.unchanged else None


def why_incomplete(
    last: Line | None, decode: Decode = json.loads, *, needs_answer: bool = True
) -> WhyIncomplete | None:
    """Tell what a source's last line lacks.

    Args:
        last: The last line that is not blank, if there is one.
        decode: A strict JSON parser.
        needs_answer: Whether its last object must have a final answer, or any will do.

    Returns:
        None if it lacks nothing.
    """
    value = None
    for found in parse_line(last, decode) if last else ():
        value = found
    if value is None:
        return "empty"
    if not isinstance(value, JsonObject):
        return "no_json_at_end"
    if not needs_answer:
        return None
    return None if value.value.get("final_answer") is not None else "no_final_answer"
