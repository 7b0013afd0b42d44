"""Makes the AsyncAPI 3 document and the JSON Schemas of all messages."""

import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic.json_schema import models_json_schema

from docs.generators import questions, statuses
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.publishing.dead_letters import PREFIX
from shared.bus.registry.channel import BYTES, COLLECTION, Channel
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.streams import BY_NAME
from shared.contracts.base import DEFAULT_COLLECTION
from shared.contracts.batches import (
    DESCRIPTOR_KEY,
    BatchDescriptor,
)
from shared.contracts.dead_letters import MAX_BODY
from shared.contracts.model_document import ModelDocument
from shared.contracts.statuses import STATUSES

if TYPE_CHECKING:
    from pydantic import BaseModel

MIB = 1 << 20
DIALECT = "https://json-schema.org/draft/2020-12/schema"
D = 384
"""Stands for the dimension d, which the embedding model decides."""
INFO = (
    "Every subject ends with the collection, the name of one map. Anybody may read EVENTS and "
    "POINTS and send commands; the other streams are for the services and the operator. "
    "Readers must ignore fields they do not know."
)
HEADERS = {
    MESSAGE_ID: "Unique for what caused the message; a stream drops a copy within ten minutes.",
    "content-type": "Media type of the body.",
    "ce-specversion": "Version of CloudEvents.",
    "ce-id": f"The same as {MESSAGE_ID}.",
    "ce-type": "`mapstream.` and the subject's family.",
    "ce-source": "`/mapstream/` and the service that sent it.",
    "ce-subject": "The collection.",
    "ce-time": "When it happened, or when it was sent.",
}
DEAD_HEADERS = {
    "stage": "The stage that gave up.",
    "reason": "Why.",
    "records": "How many records are lost with it.",
    "attempts": "How often it was tried.",
    "key": "Unique among the stage's dead letters.",
    "body-bytes": f"Length of the original; of it at most {MAX_BODY // MIB} MiB are kept.",
    "file": "The source's path below its root.",
    "line": "Line of the source, from 1; of a run of lines, the first.",
    "last-line": "Of a run of lines, the last.",
    "spans": "Of a run with readable lines in between: its unreadable stretches, each as the byte "
    "where it begins, a plus sign and its bytes, with spaces between.",
    "byte-offset": "Where the line begins in the source.",
    "record-id": "The record, if it is one.",
    "source-id": "The source.",
    "source-version": "The source's version.",
    "batch-id": "The batch.",
    "subject": "Where the message was, if it is a whole one.",
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return a self-contained schema per family with a JSON body, the descriptor's and others."""
    named: dict[str, type[BaseModel]] = {
        channel.family: channel.contract for channel in CHANNELS if channel.contract
    }
    named |= {"batch-descriptor": BatchDescriptor, "model-document": ModelDocument}
    named |= questions.models()
    named |= {f"status.{service}": kind for service, kind in STATUSES.items()}
    return {
        name: {
            "$schema": DIALECT,
            "$id": f"urn:mapstream:schema:{name}",
            **plain(model.model_json_schema()),
        }
        for name, model in named.items()
    }


def plain(value: Any) -> Any:
    """Give descriptions the line breaks of prose, not of source code."""
    if isinstance(value, dict):
        return {
            key: prose(one) if is_prose(key, one) else plain(one) for key, one in value.items()
        }
    return [plain(one) for one in value] if isinstance(value, list) else value


def is_prose(key: str, value: Any) -> bool:
    """Tell whether a part of a schema is read by people."""
    return key == "description" and isinstance(value, str)


def prose(text: str) -> str:
    """Take the line breaks and the marks of source code out of a text."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text).replace("``", "`")


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document."""
    contracts = sorted(
        {channel.contract for channel in CHANNELS if channel.contract}
        | {BatchDescriptor, *STATUSES.values(), *questions.models().values()},
        key=lambda model: model.__name__,
    )
    _, schemas = models_json_schema(
        [(model, "validation") for model in contracts],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Mapstream",
            "version": version("mapstream"),
            "description": INFO,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "Any NATS server with JetStream and `mapstream streams apply`.",
            }
        },
        "channels": {channel.family: channel_object(channel) for channel in CHANNELS}
        | questions.channels()
        | statuses.channels(),
        "operations": operations() | questions.operations() | statuses.operations(),
        "components": {
            "messages": {channel.family: message_object(channel) for channel in CHANNELS}
            | questions.messages()
            | statuses.messages(),
            "schemas": plain(schemas["$defs"]),
            "parameters": {
                "collection": {
                    "description": f"The map, `{COLLECTION.pattern}`.",
                    "default": DEFAULT_COLLECTION,
                }
            },
        },
    }


def channel_object(channel: Channel) -> dict[str, Any]:
    """Describe a subject."""
    stream = BY_NAME[channel.stream]
    return {
        "address": channel.subject("{collection}"),
        "summary": channel.about,
        "parameters": {"collection": {"$ref": "#/components/parameters/collection"}},
        "messages": {"message": {"$ref": f"#/components/messages/{channel.family}"}},
        "x-stream": {
            "name": stream.name,
            "retention": stream.retention.value,
            "max-bytes": stream.max_bytes,
            "max-messages-per-subject": stream.max_per_subject,
            "max-age-seconds": int(stream.max_age_s) or None,
            "discard": stream.discard.value,
        },
    }


def operations() -> dict[str, Any]:
    """List who sends and who receives what."""
    found = {}
    for channel in CHANNELS:
        for service in (channel.producer, *channel.also_from):
            found[f"{service}.send.{channel.family}"] = operation(channel, "send", service)
        for service in channel.consumers:
            durables = [
                durable.name("{collection}")
                for durable in DURABLES
                if durable.service == service and channel in durable.channels
            ]
            received = operation(channel, "receive", service)
            found[f"{service}.receive.{channel.family}"] = received | (
                {"x-durable": durables[0]} if durables else {}
            )
    return found


def operation(channel: Channel, action: str, service: str) -> dict[str, Any]:
    """Describe that a service sends or receives a message."""
    reference = f"#/channels/{channel.family}"
    return {
        "action": action,
        "channel": {"$ref": reference},
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{reference}/messages/message"}],
    }


def message_object(channel: Channel) -> dict[str, Any]:
    """Describe a message: headers and body."""
    return {
        "name": channel.family,
        "title": channel.contract.__name__ if channel.contract else channel.family,
        "summary": channel.about,
        "contentType": channel.content_type,
        "headers": headers(channel),
        "payload": payload(channel),
    }


def headers(channel: Channel) -> dict[str, Any]:
    """Describe the headers; a command needs none."""
    known = {name: {"type": "string", "description": text} for name, text in HEADERS.items()}
    known["ce-specversion"]["const"] = "1.0"
    known["content-type"]["const"] = channel.content_type
    known["ce-type"]["const"] = channel.cloud_event_type
    known["ce-time"]["format"] = "date-time"
    required = [] if channel.is_command else list(HEADERS)
    if channel.content_type == BYTES:
        for name, text in DEAD_HEADERS.items():
            known[PREFIX + name] = {"type": "string", "description": text}
        required += [PREFIX + name for name in ("stage", "reason", "records", "attempts", "key")]
    return {"type": "object", "properties": known, "required": required}


def payload(channel: Channel) -> dict[str, Any]:
    """Describe the body: a schema, or the columns of an Arrow stream."""
    if channel.contract:
        return {"$ref": f"#/components/schemas/{channel.contract.__name__}"}
    if channel.content_type == BYTES:
        return {"type": "string", "format": "binary", "description": "The original bytes."}
    described: dict[str, Any] = {
        "type": "string",
        "format": "binary",
        "description": "An Arrow IPC stream with one record batch.",
        "x-arrow-columns": [
            {"name": field.name, "type": arrow_type(field), "nullable": field.nullable}
            for field in columns(channel)
        ],
    }
    if channel.family.endswith(".batch"):
        schema = {"$ref": "#/components/schemas/BatchDescriptor"}
        described["x-arrow-metadata"] = {DESCRIPTOR_KEY.decode(): schema}
    return described


def columns(channel: Channel) -> pa.Schema:
    """Return the columns of a channel's Arrow batches."""
    return channel.columns(D) if channel.columns else pa.schema([])


def arrow_type(field: pa.Field) -> str:
    """Name a column's type as Arrow does, with d for the dimension of vectors."""
    if pa.types.is_fixed_size_list(field.type):
        return f"fixed_size_list<{field.type.value_type}>[d]"
    return str(field.type)
