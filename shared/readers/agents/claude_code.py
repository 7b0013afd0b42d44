"""Sessions of Claude Code: a message a line, results of tools as messages of the user."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from shared.readers.agents.steps import (
    Element,
    Passed,
    Step,
    Unread,
    call,
    excerpt,
    numbers,
    plain,
    unread,
)
from shared.readers.json_tables import Found

USAGE: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_creation_input_tokens": "cache_creation_input_tokens",
    "cache_read_input_tokens": "cache_read_input_tokens",
}
SPEAKERS: Final = ("user", "assistant", "system")
KNOWN_BLOCKS: Final = ("text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image")
ODD: Final = "not_understood"
KEPT: Final = {
    "cwd": "cwd",
    "gitBranch": "git_branch",
    "version": "version",
    "requestId": "request",
}


@dataclass(slots=True)
class Session:
    """What has to be known of a whole session before its first step."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Results of tools, by the id of the call."""
    calls: set[str] = field(default_factory=set)
    parents: dict[str, str | None] = field(default_factory=dict)
    is_side: dict[str, bool] = field(default_factory=dict)

    def take(self, value: dict[str, Any]) -> None:
        """Look at a line."""
        if isinstance(uuid := value.get("uuid"), str):
            self.parents[uuid] = value.get("parentUuid")
            self.is_side[uuid] = bool(value.get("isSidechain"))
        for block in _blocks(value):
            if block.get("type") == "tool_result":
                self.results[str(block.get("tool_use_id"))] = {
                    "is_error": block.get("is_error") is True,
                    "text": excerpt(plain(block.get("content"))),
                }
            elif block.get("type") == "tool_use":
                self.calls.add(str(block.get("id")))

    def run_of(self, value: dict[str, Any]) -> str:
        """Name the run of a line: its session, or the sub-agent that it belongs to."""
        session = str(value.get("sessionId"))
        if not value.get("isSidechain"):
            return session
        if value.get("agentId"):
            return f"{session}/{value['agentId']}"
        root = str(value.get("uuid"))
        seen: set[str] = set()
        while root not in seen:
            seen.add(root)
            parent = self.parents.get(root)
            if not isinstance(parent, str) or not self.is_side.get(parent):
                break
            root = parent
        return f"{session}/{root}"


def is_session(value: dict[str, Any]) -> bool:
    """Tell whether an object is a line of such a session."""
    return (
        "sessionId" in value
        and isinstance(value.get("type"), str)
        and ("uuid" in value or "message" in value)
    )


def read_session(objects: Iterable[Found]) -> Iterator[Element]:
    """Read a session; what a tool gave back stands with the step that called it."""
    lines = list(objects)
    session = Session()
    for one in lines:
        if one.value is not None:
            session.take(one.value)
    told: set[str] = set()
    for one in lines:
        element = _element(one, session, told)
        yield element
        if isinstance(element, Step) and (odd := element.attributes.get(ODD)):
            yield Passed(
                element.place, f"parts of type {', '.join(odd)}, which are not understood,"
            )


def _element(found: Found, session: Session, told: set[str]) -> Element:
    value = found.value
    if value is None:
        return Unread(found.number, found.reason, excerpt(found.text))
    kind = value.get("type")
    if kind == "summary" and isinstance(value.get("summary"), str):
        run = str(value.get("sessionId") or value.get("leafUuid") or "summary")
        return Step(found.number, run, "summary", value["summary"])
    if kind not in SPEAKERS:
        return Passed(found.number, f"lines of type {kind}") if kind else unread(found, "no type")
    if kind == "system":
        if text := plain(value.get("content")):
            return _step(found, session, "system", text)
        return Passed(found.number, f"lines of the system of type {value.get('subtype')}")
    return _message(found, session, told)


def _message(found: Found, session: Session, told: set[str]) -> Element:
    value = found.value or {}
    message = value.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | list):
        return unread(found, "its message has no content")
    if isinstance(message["content"], str):
        return _step(found, session, str(value["type"]), message["content"])
    blocks = _blocks(value)
    odd = _odd(message["content"])
    text = _text_of(blocks, session)
    if odd and not text:
        return unread(found, f"its message has only parts that are not understood: {odd}")
    results = [one for one in blocks if one.get("type") == "tool_result"]
    are_known = all(str(one.get("tool_use_id")) in session.calls for one in results)
    if results and are_known and len(results) == len(blocks):
        return Passed(found.number, "results of tools, which stand with the steps that called")
    step = _step(found, session, str(value["type"]), text)
    if odd:
        step.attributes[ODD] = odd
    _add_calls(step, blocks, session)
    _add_cost(step, value, message, told)
    return step


def _odd(content: list[Any]) -> list[str]:
    """Return what parts of a message are not understood, by their types."""
    types = [one.get("type") if isinstance(one, dict) else type(one).__name__ for one in content]
    return [str(one) for one in types if one not in KNOWN_BLOCKS]


def _step(found: Found, session: Session, kind: str, text: str) -> Step:
    value = found.value or {}
    kept = {ours: value[theirs] for theirs, ours in KEPT.items() if value.get(theirs)}
    timestamp = value.get("timestamp")
    return Step(
        found.number,
        session.run_of(value),
        kind,
        text,
        timestamp=timestamp if isinstance(timestamp, str) else "",
        attributes=kept,
    )


def _blocks(value: dict[str, Any]) -> list[dict[str, Any]]:
    message = value.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _text_of(blocks: list[dict[str, Any]], session: Session) -> str:
    parts = []
    for block in blocks:
        match block.get("type"):
            case "text":
                parts.append(plain(block.get("text")))
            case "tool_use":
                parts.append(call(str(block.get("name", "")), block.get("input")))
            case "tool_result" if str(block.get("tool_use_id")) not in session.calls:
                parts.append(plain(block.get("content")))
            case "image":
                parts.append("[image]")
    text = "\n".join(filter(None, parts))
    thoughts = [plain(one.get("thinking")) for one in blocks if one.get("type") == "thinking"]
    return text or "\n".join(filter(None, thoughts))


def _add_calls(step: Step, blocks: list[dict[str, Any]], session: Session) -> None:
    uses = [one for one in blocks if one.get("type") == "tool_use"]
    thoughts = [plain(one.get("thinking")) for one in blocks if one.get("type") == "thinking"]
    if any(thoughts):
        step.attributes["thinking"] = excerpt("\n".join(thoughts))
    if not uses:
        return
    step.tool = ", ".join(str(one.get("name", "")) for one in uses)
    results = [session.results.get(str(one.get("id"))) for one in uses]
    step.outcome = ", ".join(_outcome(one) for one in results)
    seen = "\n".join(one["text"] for one in results if one)
    if seen:
        step.attributes["observation"] = excerpt(seen)


def _outcome(result: dict[str, Any] | None) -> str:
    if result is None:
        return "no result"
    return "error" if result["is_error"] else "ok"


def _add_cost(step: Step, value: dict[str, Any], message: dict[str, Any], told: set[str]) -> None:
    """Take tokens and cost; a message that is written in several lines repeats them in each."""
    if isinstance(message.get("model"), str):
        step.attributes["model"] = message["model"]
    step.attributes |= numbers(value, {"costUSD": "cost"})
    name = message.get("id")
    if name is None or str(name) not in told:
        step.attributes |= numbers(message.get("usage"), USAGE)
    if name is not None:
        told.add(str(name))
