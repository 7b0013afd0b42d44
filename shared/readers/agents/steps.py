"""What the logs of all tools come down to: steps of runs, and what is not understood."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from shared.readers.json_tables import Found

EXCERPT: Final = 1000
"""Characters kept of what stands beside a step: of an observation, or of a thought."""


@dataclass(slots=True)
class Step:
    """One step of a run."""

    place: int
    """The line, or the number of the element in its document."""
    run: str
    kind: str
    """Who or what speaks: user, assistant, tool, system, summary, or the kind of a span."""
    text: str
    """What was said, then what was done."""
    tool: str = ""
    """The names of the tools that were called, in their order."""
    outcome: str = ""
    timestamp: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    """Of the step in its run, from 1."""


@dataclass(frozen=True, slots=True)
class Unread:
    """An element that is not understood, with the reason."""

    place: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Passed:
    """An element that is understood and is no step, and what it is."""

    place: int
    what: str


Element = Step | Unread | Passed
ReadRuns = Callable[[Iterable[Found]], Iterator[Element]]


def numbered(elements: Iterable[Element]) -> Iterator[Element]:
    """Number the steps of each run in their order."""
    counts: dict[str, int] = {}
    for one in elements:
        if isinstance(one, Step):
            one.number = counts[one.run] = counts.get(one.run, 0) + 1
        yield one


def listed(value: Any) -> list[Any]:
    """Return a list; none where something else stands."""
    return value if isinstance(value, list) else []


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none where something else stands."""
    return [one for one in listed(value) if isinstance(one, dict)]


def excerpt(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def plain(content: Any) -> str:
    """Return the text of content: a string, a block with text, or a list of them."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text for text in map(plain, content) if text)
    if isinstance(content, dict):
        for name in ("text", "content", "output", "value"):
            if name in content:
                return plain(content[name])
    return json.dumps(content, ensure_ascii=False)


def call(name: str, arguments: Any) -> str:
    """Write the call of a tool in a line."""
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return f"{name}({arguments})" if name else arguments


def unread(found: Found, reason: str) -> Unread:
    """Say why an object is not understood."""
    return Unread(found.number, reason, excerpt(json.dumps(found.value, ensure_ascii=False)))


def numbers(source: Any, names: dict[str, str]) -> dict[str, int | float]:
    """Take the numbers that stand under these names, by the names that we give them."""
    if not isinstance(source, dict):
        return {}
    return {
        ours: source[theirs]
        for theirs, ours in names.items()
        if isinstance(source.get(theirs), int | float) and not isinstance(source[theirs], bool)
    }
