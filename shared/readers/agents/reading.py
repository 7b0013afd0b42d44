"""Which tool wrote a log, by what it holds, and its steps as a table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final

from shared.readers.agents import chats, claude_code, spans
from shared.readers.agents.steps import Element, Passed, ReadRuns, Step, Unread, numbered
from shared.readers.encodings import Encoding
from shared.readers.json_tables import Found, document_of, objects_of
from shared.readers.lines import warn_of
from shared.readers.parts import BadRow, Fact, Part, Recognised, Row, Table, Warnings

COLUMNS: Final = (
    "run", "step", "kind", "tool", "outcome", "text", "timestamp", "attributes",
)  # fmt: skip
LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool whose logs are known."""

    name: str
    why: str
    read: ReadRuns


CLAUDE: Final = Tool("Claude Code", "its lines have a session", claude_code.read_session)
SWE: Final = Tool("SWE-agent", "it holds a trajectory or a history", chats.read_trajectory)
CHATS: Final = Tool("chats", "its objects hold messages with roles", chats.read_chats)
MESSAGES: Final = Tool("messages", "its objects are messages with roles", chats.read_messages)
SPANS: Final = Tool("OpenTelemetry", "it holds resourceSpans", spans.read_spans)


def tool_of(values: list[dict[str, Any]]) -> Tool | None:
    """Say which tool wrote the first objects of a file."""
    for tool, fits in (
        (SPANS, spans.is_export),
        (CLAUDE, claude_code.is_session),
        (SWE, chats.is_trajectory),
        (CHATS, chats.is_chat),
        (MESSAGES, chats.is_message),
    ):
        if values and sum(map(fits, values)) > len(values) / 2:
            return tool
    return None


def recognise_tool(file: BinaryIO, encoding: Encoding) -> Tool | None:
    """Say which tool wrote a file of JSON; None: none that is known."""
    document = document_of(file, encoding, Warnings())
    objects = objects_of(file, encoding, document, Warnings())
    values = [one.value for one in islice(objects, LOOKED_AT) if one.value is not None]
    return tool_of(values)


def elements_of(
    file: BinaryIO, encoding: Encoding, tool: Tool, warnings: Warnings
) -> Iterator[Element]:
    """Read the steps of a log, and what is none, in order."""
    warn_of(encoding, warnings)
    document = document_of(file, encoding, warnings)
    objects: Iterator[Found] = objects_of(file, encoding, document, warnings)
    return numbered(tool.read(objects))


def read_agents(file: BinaryIO, encoding: Encoding, tool: Tool) -> Iterator[Part]:
    """Read a log of an agent as a table of steps."""
    facts = (Fact("tool", tool.name, tool.why), Fact("encoding", encoding.codec, encoding.why))
    yield Recognised("agent-run", f"it is JSON, and {tool.why}", facts)
    yield Table(COLUMNS)
    warnings = Warnings()
    for one in elements_of(file, encoding, tool, warnings):
        if isinstance(one, Step):
            yield Row(one.place, cells_of(one))
        elif isinstance(one, Unread):
            yield BadRow(one.place, one.reason, one.text)
        elif isinstance(one, Passed):
            warnings.add(f"no-step: {one.what}", f"{one.what} are no steps", f"line {one.place}")
    yield from warnings.parts()


def cells_of(step: Step) -> tuple[str, ...]:
    """Write a step as a row."""
    attributes = json.dumps(step.attributes, ensure_ascii=False) if step.attributes else ""
    return (
        step.run, str(step.number), step.kind, step.tool, step.outcome, step.text,
        step.timestamp, attributes,
    )  # fmt: skip
