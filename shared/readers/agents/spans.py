"""Spans of OpenTelemetry as OTLP-JSON, in the words of GenAI or of OpenInference."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from shared.readers.agents.steps import (
    Element,
    Passed,
    Step,
    Unread,
    excerpt,
    listed,
    objects_in,
    plain,
    unread,
)
from shared.readers.json_tables import Found

WORDS: Final = ("gen_ai.", "llm.", "openinference.", "tool.", "input.value", "output.value")
TOOL: Final = ("gen_ai.tool.name", "tool.name", "tool_call.function.name")
MODEL: Final = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
RAN: Final = ("gen_ai.conversation.id", "session.id")
KIND: Final = ("gen_ai.operation.name", "openinference.span.kind")
SAID: Final = ("gen_ai.output.messages", "gen_ai.completion", "output.value")
DONE: Final = ("gen_ai.tool.call.arguments", "tool.parameters", "input.value")
ASKED: Final = ("gen_ai.input.messages", "gen_ai.prompt", "input.value")
RESULT: Final = ("gen_ai.tool.call.result", "output.value")
NUMBERS: Final = {
    "gen_ai.usage.input_tokens": "input_tokens", "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.prompt_tokens": "input_tokens",
    "gen_ai.usage.completion_tokens": "output_tokens",
    "llm.token_count.prompt": "input_tokens", "llm.token_count.completion": "output_tokens",
    "gen_ai.usage.cost": "cost", "llm.cost.total": "cost",
}  # fmt: skip
OLD_SCOPES: Final = "instrumentationLibrarySpans"
FAILED: Final = (2, "STATUS_CODE_ERROR")
AGENTS: Final = ("invoke_agent", "agent")


def is_export(value: dict[str, Any]) -> bool:
    """Tell whether an object is an export of spans."""
    return isinstance(value.get("resourceSpans"), list)


def read_spans(objects: Iterable[Found]) -> Iterator[Element]:
    """Read all spans in the order in which they began; a trace is a run, so is a sub-agent."""
    spans: list[tuple[int, dict[str, Any], dict[str, Any]]] = []
    for one in objects:
        if one.value is None:
            yield Unread(one.number, one.reason, excerpt(one.text))
        elif not is_export(one.value):
            yield unread(one, "it has no resourceSpans")
        else:
            found = list(_spans(one.value))
            good = [span for span in found if isinstance(span, dict)]
            spans += [(one.number, span, _attributes(span)) for span in good]
            yield from _others(one.number, found)
    spans.sort(key=lambda one: _whole_number(one[1].get("startTimeUnixNano")))
    runs = _runs(spans)
    for place, span, said in spans:
        if not any(name.startswith(WORDS) for name in said):
            yield Passed(place, "spans without a word of GenAI or OpenInference")
        else:
            yield _step(place, span, said, runs)


def _others(place: int, found: list[Any]) -> Iterator[Element]:
    """Tell what of an export is no span."""
    if not found:
        yield Passed(place, "exports without a span")
    for one in found:
        if not isinstance(one, dict):
            yield Unread(place, "a span is no object", excerpt(str(one)))


def _spans(value: dict[str, Any]) -> Iterator[Any]:
    """Find the spans of an export, and in the place of what is none, its text."""
    for resource in value["resourceSpans"]:
        is_object = isinstance(resource, dict)
        scopes = resource if not is_object else _first(resource, ("scopeSpans", OLD_SCOPES))
        for scope in _listed_or_text(scopes):
            spans = scope.get("spans") if isinstance(scope, dict) else scope
            yield from _listed_or_text(spans)


def _listed_or_text(value: Any) -> list[Any]:
    """Return a list, of anything else its text in one; nothing stands for none."""
    if isinstance(value, list):
        return value
    return [] if value is None else [plain(value) or str(value)]


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    """Take the attributes of a span, those of its events too, where it says none itself."""
    said = _pairs(span.get("attributes"))
    for event in objects_in(span.get("events")):
        inner = _pairs(event.get("attributes"))
        if event.get("name") == "gen_ai.choice":
            inner = {
                "gen_ai.output.messages": inner.get("message") or inner.get("content") or inner
            }
        said = {name: one for name, one in inner.items() if one is not None} | said
    return said


def _pairs(pairs: Any) -> dict[str, Any]:
    return {str(one.get("key")): _value(one.get("value")) for one in objects_in(pairs)}


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "intValue" in value:
        return _whole_number(value["intValue"])
    for name, read in (("arrayValue", _array), ("kvlistValue", _pairs)):
        if isinstance(inner := value.get(name), dict):
            return read(inner.get("values"))
    return next(iter(value.values()), None)


def _array(values: Any) -> list[Any]:
    return [_value(one) for one in listed(values)]


def _runs(spans: list[tuple[int, dict[str, Any], dict[str, Any]]]) -> dict[str, str]:
    """Name the run of each span: its trace, or the agent below another that it belongs to."""
    parents = {
        str(span.get("spanId")): str(span.get("parentSpanId") or "") for _, span, _ in spans
    }
    agents = {
        str(span.get("spanId"))
        for _, span, said in spans
        if str(_first(said, KIND)).lower() in AGENTS
    }
    found = {}
    for _, span, _ in spans:
        own = str(span.get("spanId"))
        chain, at = [], own
        while at and at in parents and at not in chain:
            chain.append(at)
            at = parents[at]
        above = [one for one in chain if one in agents]
        run = str(span.get("traceId"))
        found[own] = f"{run}/{above[0]}" if len(above) > 1 else run
    return found


def _step(place: int, span: dict[str, Any], said: dict[str, Any], runs: dict[str, str]) -> Step:
    tool = _first(said, TOOL)
    text = _text(span, said, is_tool=bool(tool))
    status = span.get("status") if isinstance(span.get("status"), dict) else {}
    code = status.get("code")
    step = Step(
        place,
        runs[str(span.get("spanId"))],
        str(_first(said, KIND) or "span").lower(),
        text,
        tool=str(tool or ""),
        outcome="error" if code in FAILED else "ok",
        timestamp=_moment(span.get("startTimeUnixNano")),
        attributes={"span": span.get("name")},
    )
    for theirs, ours in NUMBERS.items():
        if isinstance(said.get(theirs), int | float):
            step.attributes[ours] = said[theirs]
    if status.get("message"):
        step.attributes["error"] = excerpt(str(status["message"]))
    for ours, names in (("model", MODEL), ("session", RAN)):
        if _first(said, names):
            step.attributes[ours] = str(_first(said, names))
    seen = _first(said, RESULT if tool else ASKED)
    if seen:
        step.attributes["observation" if tool else "input"] = excerpt(_words(seen))
    return step


def _text(span: dict[str, Any], said: dict[str, Any], *, is_tool: bool) -> str:
    if is_tool:
        done = _words(_first(said, DONE) or "")
        return f"{_first(said, TOOL)}({done})"
    spoken = _words(_first(said, SAID) or "") or _indexed(said, "llm.output_messages.")
    spoken = spoken or _indexed(said, "gen_ai.completion.")
    return spoken or _words(_first(said, ASKED) or "") or str(span.get("name", ""))


def _indexed(said: dict[str, Any], prefix: str) -> str:
    """Put together what is said in attributes with numbers in their names."""
    names = [
        one
        for one in said
        if one.startswith(prefix) and one.endswith((".content", ".text", ".name", ".arguments"))
    ]
    return "\n".join(str(said[one]) for one in names)


def _words(value: Any) -> str:
    """Return the words of messages, which may be written as JSON in a string."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(_words, value)))
    if isinstance(value, dict):
        if "parts" in value:
            return _words(value["parts"])
        if value.get("type") == "tool_call":
            return f"{value.get('name')}({json.dumps(value.get('arguments'), ensure_ascii=False)})"
    return plain(value)


def _first(said: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((said[one] for one in names if said.get(one) not in (None, "")), None)


def _whole_number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _moment(value: Any) -> str:
    nanoseconds = _whole_number(value)
    if not 0 < nanoseconds < 1 << 62:
        return ""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()
