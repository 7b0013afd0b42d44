"""Describes the questions that services answer: in the AsyncAPI document, and as a section."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from shared.bus.asking import REFUSAL
from shared.bus.registry.question import Question
from shared.bus.registry.questions import QUESTIONS

ABOUT = """\
Requests and replies, of which no stream keeps anything. An empty body is a request without fields.
Whoever asks what cannot be read is answered with an empty body and the reason in the header
`{refusal}`, and nobody answers while no instance of the service owns its state.
Those of a dataset are how ledger and projection find out that it is theirs, and what it has when
they have lost their own ([decision 62](../decisions/0062-a-state-knows-whose-it-is.md)).
"""
PARAMETERS = {"collection": {"$ref": "#/components/parameters/collection"}}
Row = Question[Any, Any]


def models() -> dict[str, type[BaseModel]]:
    """Return the bodies by the names of their schemas."""
    return {
        f"{one.name}.{part}": model
        for one in QUESTIONS
        for part, model in (("question", one.contract), ("answer", one.answer))
    }


def channels() -> dict[str, Any]:
    """Return where they are asked, by name, for AsyncAPI."""
    return {
        one.name: {
            "address": _address(one),
            "summary": one.about,
            **({"parameters": PARAMETERS} if one.is_per_collection else {}),
            "messages": {
                part: {"$ref": f"#/components/messages/{one.name}.{part}"}
                for part in ("question", "answer")
            },
        }
        for one in QUESTIONS
    }


def _address(one: Row) -> str:
    return one.subject_of("{collection}") if one.is_per_collection else one.subject


def operations() -> dict[str, Any]:
    """Return who asks and who answers, by name, for AsyncAPI."""
    found = {}
    for one in QUESTIONS:
        found[f"{one.service}.answer.{one.name}"] = _operation(one, "receive", one.service)
        for user in one.asked_by:
            found[f"{user}.ask.{one.name}"] = _operation(one, "send", user)
    return found


def _operation(one: Row, action: str, user: str) -> dict[str, Any]:
    where = f"#/channels/{one.name}"
    return {
        "action": action,
        "channel": {"$ref": where},
        "tags": [{"name": user}],
        "messages": [{"$ref": f"{where}/messages/question"}],
        "reply": {
            "address": {"location": "$message.header#/reply"},
            "channel": {"$ref": where},
            "messages": [{"$ref": f"{where}/messages/answer"}],
        },
    }


def messages() -> dict[str, Any]:
    """Return the questions and the answers, by name, for AsyncAPI."""
    return {
        name: {
            "name": name,
            "title": model.__name__,
            "contentType": "application/json",
            "headers": {"type": "object", "properties": _headers(name)},
            "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        }
        for name, model in models().items()
    }


def _headers(name: str) -> dict[str, Any]:
    if name.endswith(".answer"):
        return {REFUSAL: {"type": "string", "description": "Why there is no answer."}}
    return {"reply": {"type": "string", "description": "The reply subject of the request."}}


def section() -> Iterator[str]:
    """Write the section about them."""
    yield f"## Questions\n\n{ABOUT.format(refusal=REFUSAL)}"
    yield "| subject | asks | asked by | answered by |\n|---|---|---|---|"
    for one in QUESTIONS:
        yield f"| `{_address(one)}` | {one.about} | {', '.join(one.asked_by)} | {one.service} |"
    yield ""
