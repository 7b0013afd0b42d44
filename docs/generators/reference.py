"""Writes docs/reference from the tables of the bus and the contracts.

An AsyncAPI 3 document, a JSON Schema for every JSON message, and the pages about subjects and
Arrow batches.
"""

import json
from pathlib import Path

import yaml
from pydantic import BaseModel

from docs.generators import questions, statuses
from docs.generators.asyncapi import (
    DEAD_HEADERS,
    HEADERS,
    arrow_type,
    asyncapi,
    columns,
    json_schemas,
    prose,
)
from services.cli.commands.streams import table
from shared.bus.publishing.dead_letters import PREFIX
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.streams import STREAMS
from shared.contracts.base import Command
from shared.contracts.batches import (
    ARROW,
    DESCRIPTOR_KEY,
    FORGOTTEN_KEY,
    MAX_RECORDS,
    MAX_TEXT_BYTES,
    BatchDescriptor,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MIB = 1 << 20
DAY_S = 86_400
MEANING = {
    "id": "SHA-256 of `filename:iteration:idx_in_iteration`, in hex.",
    "timestamp": "When the record was made; null if its source does not say.",
    "filename": "The source's path below its root, with `/`.",
    "text": "What is embedded.",
    "iteration": "The iteration that the source gives, 0 for the first prompt.",
    "idx_in_iteration": "Counts the records of one iteration, from 0.",
    "type": "The kind of record: `initial_prompt` or `iteration`; of other JSONL, as it says.",
    "truncated": "Whether the text was longer than a batch may be.",
    "line": "Line of the source, from 1.",
    "byte_offset": "Where the line begins in the source.",
    "attributes": "What else the source says of the record, as a JSON object; null: nothing. Of "
    "an agent run, where its log has them: `outcome`, `final_answer` (its first 1,000 "
    "characters), `usage` and `cost`; of other JSONL, its other fields, unless they are long.",
    "arrived_at": "When discovery found what the record is from: a new content, or what was "
    "appended to one, whenever that is read or sent again; of one that was dead and replayed, "
    "when it was read again. Null in what 0.1.0 has sent or stored.",
    "vector": "The text's embedding; d is the model's dimension.",
    "x": "First coordinate, in the plane of the model version.",
    "y": "Second coordinate.",
    "batch_id": "The batch that the vector belonged to.",
    "model_version": "The model of `x` and `y`.",
}
INTRO = """\
Each body is one Arrow IPC stream with one record batch: at most {records} records, {mib} MiB of
text. `pyarrow.ipc.open_stream(body).read_all()` reads it, and so does Arrow in any other language.
The content type is `{arrow}`.
"""
DESCRIPTOR = """\
## Descriptor

The schema's metadata of the three `*.batch` families has the key `{key}`: a JSON object that says
what the batch is a piece of ([schema](schemas/batch-descriptor.json)). A retraction whose vectors
are to leave the model for good has the key `{forgotten}`.
"""
NOTE = "Written by `make readme` from `shared/bus` and `shared/contracts`; change those, not this."


def main() -> None:
    """Write every file, and remove schemas that no message has any more."""
    files = render()
    for old in (REFERENCE / "schemas").glob("*.json"):
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def render() -> dict[Path, str]:
    """Return every generated file's path and text."""
    schemas = {
        REFERENCE / "schemas" / f"{name}.json": json.dumps(schema, indent=2) + "\n"
        for name, schema in json_schemas().items()
    }
    document = yaml.safe_dump(asyncapi(), sort_keys=False, width=99, allow_unicode=True)
    return {
        **schemas,
        REFERENCE / "asyncapi.yaml": f"# {NOTE}\n{document}",
        REFERENCE / "batches.md": batches_page(),
        REFERENCE / "subjects.md": subjects_page(),
        REFERENCE / "statuses.md": statuses.page(NOTE),
    }


def batches_page() -> str:
    """Return the page about the Arrow bodies."""
    lines = [
        f"# Arrow batches\n\n{NOTE}\n",
        INTRO.format(records=MAX_RECORDS, mib=MAX_TEXT_BYTES // MIB, arrow=ARROW),
    ]
    for channel in CHANNELS:
        if channel.content_type != ARROW:
            continue
        lines += [f"## {channel.family}\n\n{channel.about}\n"]
        lines += ["| column | type | null | what it is |", "|---|---|---|---|"]
        lines += [
            f"| `{field.name}` | `{arrow_type(field)}` | {'yes' if field.nullable else 'no'} "
            f"| {MEANING[field.name]} |"
            for field in columns(channel)
        ]
        lines.append("")
    lines += [
        DESCRIPTOR.format(key=DESCRIPTOR_KEY.decode(), forgotten=FORGOTTEN_KEY.decode()),
        "| field | what it is |\n|---|---|",
    ]
    lines += [
        f"| `{name}` | {field.description} |"
        for name, field in BatchDescriptor.model_fields.items()
    ]
    return "\n".join(lines) + "\n"


def subjects_page() -> str:
    """Return the page about every subject, its stream and its message."""
    lines = [
        f"# Subjects, streams and messages\n\n{NOTE}\n",
        "The same for programs: [asyncapi.yaml](asyncapi.yaml).\n",
        f"{table()}\n",
        f"## Streams\n\n{streams()}\n",
        f"## Durable consumers\n\n{durables()}\n",
        *questions.section(),
        "## Headers\n\nEvery message that a service sends has them; a command needs none.\n",
        "| header | what it is |\n|---|---|",
        *(f"| `{name}` | {text} |" for name, text in HEADERS.items()),
        "\nDead letters have these besides, as far as they are known:\n",
        "| header | what it is |\n|---|---|",
        *(f"| `{PREFIX}{name}` | {text} |" for name, text in DEAD_HEADERS.items()),
        "\n## Messages\n",
        "A field that is not always there may be left out, and older messages may lack it.\n",
    ]
    for channel in CHANNELS:
        if channel.contract:
            lines += [*message_section(channel.family, channel.contract), ""]
    for name, model in questions.models().items():
        lines += [*message_section(name, model), ""]
    return "\n".join(lines).rstrip() + "\n"


def message_section(family: str, contract: type[BaseModel]) -> list[str]:
    """Describe a JSON message and its fields."""
    article = "A command" if issubclass(contract, Command) else "JSON"
    about = prose(contract.__doc__ or "").split("\n\n")[0]
    return [
        f"### {family}\n",
        f"{about} {article} ([schema](schemas/{family}.json)).\n",
        "| field | always there | what it is |\n|---|---|---|",
        *(
            f"| `{name}` | {'yes' if field.is_required() else ''} | {field.description} |"
            for name, field in contract.model_fields.items()
        ),
    ]


def streams() -> str:
    """Return what each stream keeps, as a Markdown table."""
    lines = ["| stream | holds | keeps a message | limit | when full |", "|---|---|---|---|---|"]
    until = {
        "workqueue": "until it is handled",
        "interest": "until every reader has handled it",
        "limits": "{days:.0f} days",
    }
    for one in STREAMS:
        keeps = until[one.retention.value].format(days=one.max_age_s / DAY_S)
        full = "refuses new ones" if one.discard.value == "new" else "drops the oldest"
        of_one = f", {one.max_per_subject} messages of a subject" if one.max_per_subject else ""
        limit = f"{one.max_bytes // MIB:,} MiB{of_one}"
        lines.append(f"| {one.name} | {one.about} | {keeps} | {limit} | {full} |")
    return "\n".join(lines)


def durables() -> str:
    """Return who reads what under which name, as a Markdown table."""
    lines = ["| consumer | stream | of | reads |", "|---|---|---|---|"]
    for one in DURABLES:
        reads = ", ".join(f"`{subject}`" for subject in one.subjects("<collection>"))
        lines.append(f"| `{one.name('<collection>')}` | {one.stream} | {one.service} | {reads} |")
    return "\n".join(lines)
