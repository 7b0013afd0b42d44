"""Writes the types of the page's API client, from the same models as the OpenAPI document."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from services.gateway.handlers.answers import (
    Accepted,
    ChangedJob,
    CollectionInfo,
    Health,
    LetterList,
    Operation,
    Queues,
    Recomputed,
    Settled,
    Sources,
    SubmittedJobs,
    WholeLetter,
)
from services.gateway.handlers.finding import Found, Neighbours, Records
from services.gateway.handlers.match_answers import Matches, MatchResults
from services.gateway.handlers.model_answers import ModelPage
from services.gateway.handlers.records import WholeRecord
from services.gateway.handlers.regions import Regions
from services.gateway.handlers.runs import Run, Runs
from services.gateway.handlers.sessions import Session
from services.gateway.handlers.upload_answers import (
    ExampleRules,
    ResumableUpload,
    UploadAnswer,
    UploadRules,
)
from services.gateway.routes.columns import Columns
from services.gateway.routes.manifests import ListedManifest, Manifests
from shared.contracts.collections import CollectionPage, CollectionRecord
from shared.contracts.jobs import EffectPage, JobPage
from shared.contracts.manifests import ManifestRecord
from shared.contracts.preferences import PreferencePage
from shared.contracts.projection import ProjectionUpdated
from shared.contracts.schedules import SchedulePage
from shared.contracts.source_list import SourcePage
from shared.contracts.writing import WritingCommitted, WritingPublished
from shared.http.problems import Problem
from shared.readers.preview import Preview

FILE = Path(__file__).parents[2] / "services/gateway/page/src/api/schema.ts"
ANSWERS = (
    Session, CollectionInfo, CollectionRecord, WholeRecord, Found, Records, Neighbours, Columns,
    Regions, Runs, Run, Health, Sources, LetterList, WholeLetter, ModelPage, Recomputed,
    Operation, Accepted, Settled, CollectionPage, ExampleRules, UploadAnswer, Problem, SourcePage,
    UploadRules, ResumableUpload, Preview, PreferencePage, JobPage, SchedulePage, SubmittedJobs,
    ChangedJob, EffectPage, Queues, Manifests, ListedManifest, ManifestRecord, Matches,
    MatchResults,
)  # fmt: skip
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


def add_model(model: type[Any], found: dict[str, str]) -> None:
    """Add the type of a model, and of what it holds."""
    schema = TypeAdapter(model).json_schema(mode="serialization")
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
