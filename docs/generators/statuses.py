"""Describes what services tell of themselves: in the AsyncAPI document, and as a page."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from shared.bus.status import PREFIX, STATS, status_subject
from shared.contracts.statuses import STATUSES, Status

STATISTICS = "status.statistics"
QUESTION = "status.question"
ABOUT = """\
Each service that is on the bus answers at a subject of its own, `mapstream.status.<service>`, and
with NATS service discovery: in the answer to `$SRV.STATS`, as `data` of its endpoint. `/health`
answers with the same over HTTP. A field may be missing where an older release answers, and there
may be more of a newer one: readers must ignore fields they do not know. The last column tells what
a missing one means. The schemas of [asyncapi.yaml](asyncapi.yaml) say the same to programs.
"""


def channels() -> dict[str, Any]:
    """Return where services are asked, by name, for AsyncAPI."""
    each = {
        f"status.{service}": _channel(
            status_subject(service), f"What {service} tells of itself.", f"status.{service}"
        )
        for service in STATUSES
    }
    return {**each, STATISTICS: _channel(STATS, "What every service tells of itself.", STATISTICS)}


def _channel(address: str, summary: str, answer: str) -> dict[str, Any]:
    return {
        "address": address,
        "summary": summary,
        "messages": {
            "question": {"$ref": f"#/components/messages/{QUESTION}"},
            "answer": {"$ref": f"#/components/messages/{answer}"},
        },
    }


def operations() -> dict[str, Any]:
    """Return who answers where, by name, for AsyncAPI."""
    return {
        f"{service}.answer.{where}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{where}"},
            "tags": [{"name": service}],
            "messages": [{"$ref": f"#/channels/{where}/messages/question"}],
            "reply": {
                "address": {"location": "$message.header#/reply"},
                "channel": {"$ref": f"#/channels/{where}"},
                "messages": [{"$ref": f"#/channels/{where}/messages/answer"}],
            },
        }
        for service in STATUSES
        for where in (f"status.{service}", STATISTICS)
    }


def messages() -> dict[str, Any]:
    """Return the question and the answers, by name, for AsyncAPI."""
    answers = {
        f"status.{service}": {
            "name": f"status.{service}",
            "title": kind.__name__,
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        }
        for service, kind in STATUSES.items()
    }
    question = {
        "name": QUESTION,
        "title": "Question",
        "summary": "A request with an empty body.",
        "headers": {
            "type": "object",
            "properties": {
                "reply": {"type": "string", "description": "The reply subject of the request."}
            },
        },
    }
    return {**answers, QUESTION: question, STATISTICS: _statistics()}


def _statistics() -> dict[str, Any]:
    data = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in STATUSES.values()]
    endpoint = {"type": "object", "properties": {"data": {"anyOf": data}}}
    return {
        "name": STATISTICS,
        "title": "Statistics",
        "summary": "The answer of NATS service discovery, version 1 of its protocol.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["type", "name", "endpoints"],
            "properties": {
                "type": {"const": "io.nats.micro.v1.stats_response"},
                "name": {"type": "string", "pattern": f"^{PREFIX}"},
                "endpoints": {"type": "array", "items": endpoint},
            },
        },
    }


def page(note: str) -> str:
    """Return the page about statuses."""
    lines = [f"# What services tell of themselves\n\n{note}\n", ABOUT]
    kinds: list[type[BaseModel]] = [Status, *STATUSES.values()]
    for kind in kinds:
        common = {} if kind is Status else Status.model_fields
        own = [name for name in kind.model_fields if kind.__annotations__.get(name) or not common]
        lines += [*_section(kind, own, "##"), ""]
    for part in dict.fromkeys(part for kind in kinds for part in _parts(kind)):
        lines += [*_section(part, list(part.model_fields), "###"), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(kind: type[BaseModel], names: list[str], level: str) -> Iterator[str]:
    about = (kind.__doc__ or "").split("\n\n")[0].replace("``", "`")
    yield f"{level} {kind.__name__}\n\n{about}\n"
    yield "| field | what it is | if missing |\n|---|---|---|"
    for name in names:
        field = kind.model_fields[name]
        inner = ", ".join(one.__name__ for one in _models(field.annotation))
        told = f"{field.description} ({inner})" if inner else field.description
        missing = "must be there" if field.is_required() else _written(field.default)
        yield f"| `{name}` | {told} | {missing} |"


def _written(default: Any) -> str:
    if isinstance(default, BaseModel):
        return "zeros"
    return "none" if default in ({}, [], None, "") else f"`{default}`".lower()


def _parts(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Give what a model is made of, and what that is made of."""
    for field in kind.model_fields.values():
        for part in _models(field.annotation):
            yield part
            yield from _parts(part)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation.model_fields:
            yield annotation
    else:
        for inner in get_args(annotation):
            yield from _models(inner)
