"""Copies of whole streams: their messages with their numbers, and the places of their consumers.

The server makes and reads them (``STREAM.SNAPSHOT`` and ``STREAM.RESTORE`` of its interface), so
they pass between a single server and a cluster, whose stores do not understand each other.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from shared.errors import ConfigurationError, TransientError

API = "$JS.API.STREAM"
CHUNK = 128 << 10
"""Bytes of a message that carries a part of a copy."""
PATIENCE_S = 30.0
INTEREST_S = 0.1

State = Mapping[str, Any]


async def export_stream(client: Client, name: str, folder: Path) -> State:
    """Copy a stream with its consumers into a folder, and return its state.

    Raises:
        TransientError: The server does not give it, or ends before it is complete.
    """
    inbox = client.new_inbox()
    parts = await client.subscribe(inbox, pending_bytes_limit=-1, pending_msgs_limit=-1)
    try:
        asked = {"deliver_subject": inbox, "no_consumers": False, "chunk_size": CHUNK}
        told = await _ask(client, f"{API}.SNAPSHOT.{name}", asked)
        with _data_file(folder, name).open("wb") as file:
            while True:
                part = await parts.next_msg(timeout=PATIENCE_S)
                if not part.data:
                    break
                file.write(part.data)
                if part.reply:  # the server waits for it before it sends more
                    await part.respond(b"")
    except (NatsError, TimeoutError) as error:
        raise TransientError(f"stream {name} cannot be copied: {error!r}") from error
    finally:
        await parts.unsubscribe()
    if part.headers and part.headers.get("Status", "200") >= "400":
        raise TransientError(f"stream {name} cannot be copied: {part.headers}")
    about = {"config": told["config"], "state": told["state"]}
    # Last: a folder without it holds no complete copy.
    _about_file(folder, name).write_text(json.dumps(about, indent=1) + "\n")
    return told["state"]


async def import_stream(client: Client, name: str, folder: Path, *, replicas: int) -> State:
    """Make a stream from its copy, with so many replicas, and return its state.

    Raises:
        ConfigurationError: There is no complete copy of it.
        TransientError: The server does not take it.
    """
    about = read_about(folder, name)
    config = {**about["config"], "num_replicas": replicas}
    try:
        asked = {"config": config, "state": about["state"]}
        subject = (await _ask(client, f"{API}.RESTORE.{name}", asked))["deliver_subject"]
        with _data_file(folder, name).open("rb") as file:
            for part in _parts(file):
                _told(await _give(client, subject, part))
        return _told(await _give(client, subject, b""))["state"]
    except (NatsError, TimeoutError) as error:
        raise TransientError(f"stream {name} cannot be restored: {error!r}") from error


def read_about(folder: Path, name: str) -> Mapping[str, Any]:
    """Return configuration and state of the stream whose copy this is.

    Raises:
        ConfigurationError: There is no complete copy of it.
    """
    try:
        told: Mapping[str, Any] = json.loads(_about_file(folder, name).read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{folder}: holds no complete copy of {name}: {error}") from error
    return told


async def _ask(client: Client, subject: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    return _told(await client.request(subject, json.dumps(asked).encode(), timeout=PATIENCE_S))


async def _give(client: Client, subject: str, part: bytes) -> Msg:
    """Send a part of a copy to the server that restores it, and return its answer.

    In a cluster that may be another server than ours, and a moment passes until ours knows that
    somebody listens there; until then nobody has got the part.

    Raises:
        NatsError: Nobody listens, for long.
    """
    for _ in range(round(PATIENCE_S / INTEREST_S)):
        with suppress(NoRespondersError):
            return await client.request(subject, part, timeout=PATIENCE_S)
        await asyncio.sleep(INTEREST_S)
    return await client.request(subject, part, timeout=PATIENCE_S)


def _told(answer: Msg) -> Mapping[str, Any]:
    """Read an answer of the server; of a part that it took, it is empty.

    Raises:
        TransientError: It refuses.
    """
    told: Mapping[str, Any] = json.loads(answer.data or b"{}")
    if error := told.get("error"):
        raise TransientError(f"the server refuses: {error.get('description', error)}")
    return told


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(CHUNK):
        yield part


def _data_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.tar.s2"


def _about_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
