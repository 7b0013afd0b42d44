"""Writes the types of the page's API client, from the same models as the OpenAPI document."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from services.gateway.handlers.answers import CollectionInfo
from services.gateway.handlers.records import WholeRecord
from services.gateway.handlers.sessions import Session
from shared.contracts.collections import CollectionRecord
from shared.contracts.projection import ProjectionUpdated
from shared.contracts.writing import WritingCommitted, WritingPublished
from shared.http.problems import Problem

FILE = Path(__file__).parents[2] / "services/gateway/page/src/api/schema.ts"
ANSWERS = (Session, CollectionInfo, CollectionRecord, WholeRecord, Problem)
EVENTS = (ProjectionUpdated, WritingCommitted, WritingPublished)
HEAD = "// Made by `make readme` from the gateway's models; not to be edited.\n"
PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def main() -> None:
    """Write the file."""
    FILE.write_text(types())


def types() -> str:
    """Return the types of all answers and events that the page reads."""
    found: dict[str, str] = {}
    for model in (*ANSWERS, *EVENTS):
        add_model(model, found)
    return HEAD + "".join(f"\n{found[name]}" for name in sorted(found))


def add_model(model: type[BaseModel], found: dict[str, str]) -> None:
    """Add the type of a model, and of what it holds."""
    schema = model.model_json_schema(mode="serialization")
    for name, inner in {model.__name__: schema, **schema.get("$defs", {})}.items():
        found[name] = _interface(name, inner)


def _interface(name: str, schema: dict[str, Any]) -> str:
    if schema.get("type") != "object":
        return f"export type {name} = {_type(schema)};\n"
    lines = [
        f"  /** {one.get('description', '')} */\n  readonly {field}: {_type(one)};\n"
        for field, one in schema["properties"].items()
    ]
    return f"export interface {name} {{\n{''.join(lines)}}}\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if words := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " | ".join(f'"{one}"' for one in words)
    kind = schema.get("type", "")
    return {"array": _array, "object": _object}.get(kind, _plain)(schema)


def _array(schema: dict[str, Any]) -> str:
    if "items" in schema:
        return f"readonly ({_type(schema['items'])})[]"
    return f"readonly [{', '.join(_type(one) for one in schema['prefixItems'])}]"


def _object(schema: dict[str, Any]) -> str:
    inner = schema.get("additionalProperties")
    held = _type(inner) if isinstance(inner, dict) else "unknown"
    return f"Readonly<Record<string, {held}>>"


def _plain(schema: dict[str, Any]) -> str:
    return PLAIN.get(schema.get("type", ""), "unknown")
