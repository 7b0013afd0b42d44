"""Stored messages of every channel: what was once published must be readable for ever.

An example is written once and never changed. A new version of a message gets a new file; the old
one stays as long as anybody may hold such a message.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import BaseModel, ValidationError

import services
import shared.contracts
from services.projection.subscribers.collection import decode_batch, decode_retraction
from shared.bus.messages.received import Delivery
from shared.bus.publishing.dead_letters import outgoing_dead_letter, read_dead_letter
from shared.bus.reading.commands import read_command
from shared.bus.registry.channel import BYTES, Channel
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.questions import QUESTIONS
from shared.contracts.base import Command
from shared.contracts.batches import (
    ADDED_COLUMNS,
    ADDED_POINT_COLUMNS,
    ARROW,
    DESCRIPTOR_KEY,
    POINT_SCHEMA,
    RECORD_SCHEMA,
    Batch,
    BatchDescriptor,
    decode,
    decode_rows,
    embedded_schema,
    encode,
    encode_rows,
    projected_schema,
    require_columns,
    retraction_schema,
)
from shared.contracts.commands import Refit, Rollback
from shared.settings import ServiceSettings

EXAMPLES = Path(__file__).parent / "examples"
SUFFIX = {ARROW: "arrow", BYTES: "bin", "application/json": "json"}
COLUMNS = {
    "discovery.batch": RECORD_SCHEMA,
    "embedding.batch": embedded_schema(4),
    "projection.batch": projected_schema(4),
    "writing.retraction": retraction_schema(4),
    "map.points": POINT_SCHEMA,
}


def stored(channel: Channel) -> list[Path]:
    return sorted((EXAMPLES / channel.family).glob(f"v*.{SUFFIX[channel.content_type]}"))


def keys(value: Any) -> Any:
    """The names of all fields, however deep they lie."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    return [keys(inner) for inner in value] if isinstance(value, list) else None


def of_type(content_type: str) -> list[Channel]:
    return [channel for channel in CHANNELS if channel.content_type == content_type]


def by_family(channel: object) -> str:
    return channel.family if isinstance(channel, Channel) else str(channel)


def test_every_channel_has_an_example_and_every_example_a_channel() -> None:
    assert {channel.family for channel in CHANNELS if not stored(channel)} == set()
    folders = {folder.name for folder in EXAMPLES.iterdir()}
    questions = {one.name for one in QUESTIONS}
    assert folders == {channel.family for channel in CHANNELS} | questions


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("part", ["question", "answer"])
def test_what_is_asked_and_answered_still_parses_and_shows_every_field(
    question: Any, part: str
) -> None:
    contract = question.contract if part == "question" else question.answer
    files = sorted((EXAMPLES / question.name).glob(f"v*.{part}.json"))
    for file in files:
        message = contract.model_validate_json(file.read_bytes())
        assert contract.model_validate_json(message.model_dump_json()) == message
    newest = json.loads(files[-1].read_text())
    shown = contract.model_validate_json(json.dumps(newest)).model_dump(mode="json")
    assert keys(newest) == keys(shown), "add an example with the new field"


@pytest.mark.parametrize("channel", of_type("application/json"), ids=by_family)
def test_a_json_example_still_parses_and_shows_every_field(channel: Channel) -> None:
    assert channel.contract
    for file in stored(channel):
        message = channel.contract.model_validate_json(file.read_bytes())
        fields = json.loads(file.read_text())
        assert set(fields) <= set(channel.contract.model_fields)
        assert channel.contract.model_validate_json(message.model_dump_json()) == message
    newest = json.loads(stored(channel)[-1].read_text())
    shown = channel.contract.model_validate_json(json.dumps(newest)).model_dump(mode="json")
    assert keys(newest) == keys(shown), "add an example with the new field"


@pytest.mark.parametrize("channel", of_type("application/json"), ids=by_family)
def test_readers_ignore_what_a_newer_writer_adds_unless_it_is_a_wish(channel: Channel) -> None:
    assert channel.contract
    fields = json.loads(stored(channel)[0].read_text()) | {"a-newer-field": [1]}

    is_wish = issubclass(channel.contract, Command)
    with pytest.raises(ValidationError) if is_wish else nullcontext():
        channel.contract.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize("channel", of_type(ARROW), ids=by_family)
def test_an_arrow_example_still_has_its_columns(channel: Channel) -> None:
    added = ADDED_POINT_COLUMNS if channel.family == "map.points" else ADDED_COLUMNS
    for file in stored(channel):
        rows = decode_rows(file.read_bytes())
        require_columns(rows, COLUMNS[channel.family], added)
        assert rows.num_rows == 2


@pytest.mark.parametrize("family", ["discovery.batch", "embedding.batch", "projection.batch"])
@pytest.mark.parametrize("version", ["v1", "v2", "v3", "v4"])
def test_a_batch_still_has_its_descriptor(family: str, version: str) -> None:
    got = decode((EXAMPLES / family / f"{version}.arrow").read_bytes())

    facts = got.descriptor
    assert facts.epoch == (0 if version == "v1" else 1_767_225_600)
    assert (facts.collection, facts.source_version, facts.is_last) == ("default", 2, True)
    assert facts.records == 2
    assert facts.filename == "runs/2026-01-01/süd.jsonl"
    assert got.rows["text"].to_pylist()[1] == "Twenty-five. 🙂"
    assert (facts.embedder is None) == (family == "discovery.batch")
    assert facts.model_version == (3 if family == "projection.batch" else None)


@pytest.mark.parametrize("family", ["discovery.batch", "embedding.batch", "projection.batch"])
def test_the_newest_batch_shows_every_field_of_its_descriptor(family: str) -> None:
    newest = max((EXAMPLES / family).glob("v*.arrow"))
    document = json.loads(decode_rows(newest.read_bytes()).schema.metadata[DESCRIPTOR_KEY])

    later = {
        "discovery.batch": {"embedder", "model_version"},
        "embedding.batch": {"model_version"},
    }
    shown = set(BatchDescriptor.model_fields) - later.get(family, set())
    assert set(document) == shown, "add an example with the new field"


def test_what_is_written_today_has_the_schema_of_the_examples() -> None:
    """Else old readers would meet something new under an old name."""
    for family, columns in COLUMNS.items():
        body = max((EXAMPLES / family).glob("v*.arrow")).read_bytes()
        rows = decode_rows(body)
        again = (
            encode(decode(body))
            if family.endswith(".batch")
            else encode_rows(rows, dict(rows.schema.metadata or {}))
        )
        assert decode_rows(again).schema.equals(rows.schema)
        assert rows.schema.remove_metadata().equals(columns), family


@pytest.mark.parametrize("family", ["discovery.batch", "embedding.batch", "projection.batch"])
def test_an_older_batch_has_every_column_but_those_that_were_added(family: str) -> None:
    columns = pa.schema([one for one in COLUMNS[family] if one.name not in ADDED_COLUMNS])

    for version in ("v1", "v2"):
        rows = decode_rows((EXAMPLES / family / f"{version}.arrow").read_bytes())
        assert rows.schema.remove_metadata().equals(columns)


def test_the_subscribers_take_the_examples() -> None:
    def delivery(family: str) -> Delivery:
        body = (EXAMPLES / family / "v1.arrow").read_bytes()
        return Delivery(f"{family}.default", body, {}, 1, 1)

    one: Batch = decode_batch(delivery("embedding.batch"))
    (part,) = decode_retraction(delivery("writing.retraction").body)

    assert one.vectors.shape == part.vectors.shape == (2, 4)
    assert part.batch_id == one.descriptor.batch_id
    assert not one.descriptor.is_forgotten
    assert not part.is_forgotten


def test_a_retraction_of_what_is_to_be_forgotten_still_says_so() -> None:
    body = (EXAMPLES / "writing.retraction" / "v2.arrow").read_bytes()

    (part,) = decode_retraction(body)

    assert part.is_forgotten
    assert part.vectors.shape == (2, 4)


@pytest.mark.parametrize(
    ("example", "command"),
    [
        ("command.refit/v1", Refit(correlation_id="wish-1", reason="after the second experiment")),
        (
            "command.refit/v2",
            Refit(correlation_id="wish-1", force=True, reason="after the second experiment"),
        ),
        ("command.rollback/v1", Rollback(correlation_id="wish-2", to_version=3)),
    ],
)
def test_the_projection_takes_the_commands(example: str, command: Refit | Rollback) -> None:
    body = (EXAMPLES / f"{example}.json").read_bytes()
    family = example.split("/", maxsplit=1)[0]

    wish = read_command(Delivery(f"{family}.default", body, {}, 1, 1))

    assert (wish.collection, wish.cause) == ("default", command.correlation_id)
    assert wish.command == command


@pytest.mark.parametrize("channel", of_type(BYTES), ids=by_family)
def test_a_dead_letter_example_still_says_where_it_comes_from(channel: Channel) -> None:
    for file in stored(channel):
        headers = json.loads(file.with_suffix(".headers.json").read_text())
        letter = read_dead_letter(channel.subject("default"), headers, file.read_bytes())

        assert letter.stage == channel.producer
        assert letter.reason
        again = outgoing_dead_letter(letter)
        assert again.message_id == headers["Nats-Msg-Id"]
        # A name that is not ASCII was spelled out, and stays so.
        spelled = {"mapstream-file"}
        written = {k: v for k, v in again.headers.items() if k not in spelled}
        assert written.items() <= headers.items()


def models() -> Iterator[type[BaseModel]]:
    """Every Pydantic class of the contracts and of all settings."""
    modules = [
        f"shared.contracts.{found.name}"
        for found in pkgutil.iter_modules(shared.contracts.__path__)
    ]
    modules += ["shared.settings"]
    modules += [
        f"services.{found.name}.settings"
        for found in pkgutil.iter_modules(services.__path__)
        if (Path(services.__path__[0]) / found.name / "settings.py").exists()
    ]
    for name in modules:
        for value in vars(importlib.import_module(name)).values():
            is_model = isinstance(value, type) and issubclass(value, BaseModel)
            if is_model and value.__module__ == name:
                yield value


def test_every_field_of_messages_and_settings_is_described() -> None:
    found = list(models())
    silent = [
        f"{model.__module__}.{model.__name__}.{name}"
        for model in found
        for name, field in model.model_fields.items()
        if not (field.description or "").strip()
    ]

    assert silent == []
    assert {BatchDescriptor, ServiceSettings} <= set(found)
