"""Whether the run that wrote a log has ended, and what tells otherwise."""

import json
from typing import Literal

from services.discovery.domain.json_values import Decode, JsonObject, parse_line
from services.discovery.domain.lines import Line

WhyIncomplete = Literal["empty", "no_json_at_end", "no_final_answer"]
EXPLAINED: dict[WhyIncomplete, str] = {
    "empty": "it holds no line yet",
    "no_json_at_end": "its last line is no whole JSON object: it is being written, cut off, or of "
    "another format",
    "no_final_answer": "its last line has no final_answer: the run goes on, or its writer never "
    "adds one",
}
"""What each means, in words for people."""


def why_incomplete(last: Line | None, decode: Decode = json.loads) -> WhyIncomplete | None:
    """Tell what a source's last line lacks; None: its last value has a final answer."""
    value = None
    for found in parse_line(last, decode) if last else ():
        value = found
    if value is None:
        return "empty"
    if not isinstance(value, JsonObject):
        return "no_json_at_end"
    return None if value.value.get("final_answer") is not None else "no_final_answer"
