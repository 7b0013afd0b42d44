"""What docs/reference tells others is what the code does, in valid AsyncAPI and JSON Schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from docs.generators import asyncapi, reference
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.questions import QUESTIONS
from shared.bus.status import status_subject
from shared.contracts.batches import ARROW, RECORD_SCHEMA
from shared.contracts.statuses import STATUSES
from tests.contract.compatibility import EXAMPLES, ROOT
from tests.contract.test_examples import COLUMNS, by_family, of_type
from tests.fakes.clock import FrozenClock

REFERENCE = ROOT / "docs" / "reference"
SPECIFICATION = ROOT / "tests/node/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return yaml.safe_load((REFERENCE / "asyncapi.yaml").read_text())


def resolved(value: Any, root: dict[str, Any]) -> Any:
    """Follow a reference within the document; KeyError if it leads nowhere."""
    while isinstance(value, dict) and "$ref" in value:
        found: Any = root
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        value = found
    return value


def references(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [one for item in value for one in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if "$ref" in value else []
    return own + [one for item in value.values() for one in references(item)]


def test_every_generated_page_is_fresh() -> None:
    wanted = reference.render()

    stale = [path.name for path, text in wanted.items() if not same(path, text)]
    assert stale == [], "run: make readme"
    assert set((REFERENCE / "schemas").iterdir()) <= set(wanted)


def same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="needs npm: make setup-dev")
def test_the_document_is_valid_asyncapi_3(document: dict[str, Any]) -> None:
    official = jsonschema_rs.validator_for(json.loads(SPECIFICATION.read_text()))

    assert [str(error) for error in official.iter_errors(document)][:3] == []
    wrong = document | {"asyncapi": "3.0.0", "channels": {"a": {"adress": "a"}}}
    assert not official.is_valid(wrong)


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    for found in references(document):
        assert resolved(found, document), found


def test_every_row_of_the_table_is_in_the_document(document: dict[str, Any]) -> None:
    told = {"status.statistics", *(f"status.{service}" for service in STATUSES)}
    told |= {one.name for one in QUESTIONS}
    assert set(document["channels"]) == {channel.family for channel in CHANNELS} | told
    said = {
        (one["tags"][0]["name"], one["action"], one["channel"]["$ref"].split("/")[-1])
        for one in document["operations"].values()
        if "reply" not in one
    }
    sent = {
        (who, "send", one.family) for one in CHANNELS for who in (one.producer, *one.also_from)
    }
    received = {(who, "receive", one.family) for one in CHANNELS for who in one.consumers}
    assert said == sent | received


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)
def test_every_question_is_in_the_document_with_who_asks_it(
    question: Any, document: dict[str, Any]
) -> None:
    where = f"#/channels/{question.name}"
    said = {
        (one["tags"][0]["name"], one["action"])
        for one in document["operations"].values()
        if one["channel"]["$ref"] == where
    }

    assert (
        document["channels"][question.name]["address"].replace("{collection}", "*")
        == question.subject
    )
    assert said == {(question.service, "receive")} | {(one, "send") for one in question.asked_by}
    for part in ("question", "answer"):
        message = document["components"]["messages"][f"{question.name}.{part}"]
        whole = {"components": document["components"], **message["payload"]}
        alone = json.loads((REFERENCE / "schemas" / f"{question.name}.{part}.json").read_text())
        for file in sorted((EXAMPLES / question.name).glob(f"v*.{part}.json")):
            for schema in (whole, alone):
                jsonschema_rs.validator_for(schema).validate(json.loads(file.read_text()))


@pytest.mark.parametrize("service", STATUSES)
def test_every_service_answers_with_what_is_described(
    service: str, document: dict[str, Any]
) -> None:
    channel = document["channels"][f"status.{service}"]
    answers = [
        one for one in document["operations"] if one.startswith(f"{service}.answer.status.")
    ]
    alone = json.loads((REFERENCE / "schemas" / f"status.{service}.json").read_text())
    whole = {
        "components": document["components"],
        **resolved(channel["messages"]["answer"], document)["payload"],
    }
    figures = {"default": {}} if "collections" in STATUSES[service].__annotations__ else {}
    sound = STATUSES[service].model_validate({"state": "running", "collections": figures})

    assert channel["address"] == status_subject(service)
    assert len(answers) == 2
    for schema in (alone, whole):
        described = jsonschema_rs.validator_for(schema)
        described.validate(sound.model_dump(mode="json"))
        assert not described.is_valid({})
        assert not described.is_valid({"state": 7})


def test_every_durable_consumer_is_in_the_document(document: dict[str, Any]) -> None:
    named = {one["x-durable"] for one in document["operations"].values() if "x-durable" in one}

    assert named == {durable.name("{collection}") for durable in DURABLES}


@pytest.mark.parametrize("channel", of_type("application/json"), ids=by_family)
def test_the_examples_satisfy_the_schemas(channel: Any, document: dict[str, Any]) -> None:
    alone = json.loads((REFERENCE / "schemas" / f"{channel.family}.json").read_text())
    payload = document["components"]["messages"][channel.family]["payload"]
    whole = {"components": document["components"], **payload}
    for file in sorted((EXAMPLES / channel.family).glob("v*.json")):
        message = json.loads(file.read_text())
        jsonschema_rs.validator_for(alone).validate(message)
        jsonschema_rs.validator_for(whole).validate(message)


@pytest.mark.parametrize("channel", CHANNELS, ids=by_family)
def test_the_headers_that_are_sent_are_those_that_are_described(
    channel: Any, document: dict[str, Any]
) -> None:
    described = document["components"]["messages"][channel.family]["headers"]
    publisher = Publisher(None, channel.producer, FrozenClock())  # type: ignore[arg-type]

    sent = dict(publisher._headers(Outgoing(channel, "default", "id-1", b"")))
    letters = (EXAMPLES / channel.family).glob("*.headers.json")
    every = [sent | json.loads(file.read_text()) for file in letters] or [sent]
    for headers in every:
        jsonschema_rs.validator_for(described).validate(headers)
        assert set(headers) <= set(described["properties"])


def test_the_columns_of_every_arrow_body_are_described() -> None:
    described = {channel.family: asyncapi.columns(channel).names for channel in of_type(ARROW)}

    assert described == {family: schema.names for family, schema in COLUMNS.items()}
    page = (REFERENCE / "batches.md").read_text()
    for field in RECORD_SCHEMA:
        assert f"| `{field.name}` |" in page
