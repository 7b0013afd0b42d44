"""Reads commands, of which a mistake must never become another, larger one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from shared.contracts.base import OPTIONAL, Command

Known = TypeVar("Known", bound=Command)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a command cannot be read, field by field."""

    reason: str
    correlation_id: str | None
    """Its own, if at least that can be read."""


def parse_command(kind: type[Known], body: bytes) -> Known | Unreadable:
    """Read a command; an empty body is one without fields.

    Fields that it does not have, that are there twice, are null or an empty list are refused: a
    program that sends those has not found what it meant to say. Lists that the command names may
    be empty.
    """
    mistakes = list(_empty(kind, pairs(body)))
    try:
        command = kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        mistakes += _mistakes(kind, error)
    else:
        if not mistakes:
            return command
    told = f"the command cannot be read: {'; '.join(dict.fromkeys(mistakes))}"
    return Unreadable(told, _correlation_id(body))


def _mistakes(kind: type[Command], error: ValidationError) -> Iterator[str]:
    for one in error.errors():
        field = ".".join(map(str, one["loc"])) or "body"
        if one["type"] == "extra_forbidden":
            yield f"{field}: there is no such field; there is: {', '.join(kind.model_fields)}"
        else:
            yield f"{field}: {one['msg'].removeprefix('Value error, ')}"


def _empty(kind: type[Command], pairs: list[tuple[str, Any]]) -> Iterator[str]:
    names = [name for name, _ in pairs]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{name}: the field is there {names.count(name)} times"
    for name, value in pairs:
        is_empty = value == [] and name not in kind.may_be_empty
        if name != OPTIONAL and (value is None or is_empty):
            yield f"{name}: {json.dumps(value)} is no value; leave out what is not meant"


def pairs(body: bytes) -> list[tuple[str, Any]]:
    """Return the fields of a JSON object as they were written; none if it is no object."""
    try:
        is_object = isinstance(json.loads(body), dict)
        return json.loads(body, object_pairs_hook=list) if is_object else []
    except (ValueError, RecursionError):
        return []


def _correlation_id(body: bytes) -> str | None:
    try:
        value = json.loads(body)[OPTIONAL]
        return value if isinstance(value, str) and value.encode() else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
