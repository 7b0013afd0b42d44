"""Feeds damaged messages to everything that decodes one: ``python -m tests.fuzz.decoders 1 500``.

A program of its own, since what it looks for can end the process: Arrow is native code. It prints
the number of each message before it is decoded, so that the last one is the culprit.
"""

import json
import random
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.discovery.subscribers.ledger import decode_dead_letter
from services.gateway.handlers.maps import require_points
from services.projection.subscribers.collection import decode_batch, decode_retraction
from services.writing.subscribers import decode_message
from shared.bus.messages.received import Delivery
from shared.bus.reading.commands import read_command
from shared.bus.reading.settled import read_settled
from shared.bus.registry import commands
from shared.bus.registry.channel import Channel
from shared.bus.registry.channels import CHANNELS
from shared.contracts.batches import RECORD_SCHEMA, decode, encode, require_columns
from shared.errors import InvalidMessage
from tests.fuzz.damage import damaged

EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"
NASTY_HEADERS = ("", "x", "-1", "1" * 18, "1" * 5000, "\N{SUPERSCRIPT TWO}", "1e9", "0x10")


def _embed(delivery: Delivery) -> None:
    batch = decode(delivery.body)
    require_columns(batch.rows, RECORD_SCHEMA)
    batch.rows["text"].to_pylist()
    encode(batch)


READERS: dict[str, tuple[Callable[[Delivery], Any], ...]] = {
    "discovery.batch": (_embed,),
    "embedding.batch": (decode_batch,),
    "writing.retraction": (lambda delivery: decode_retraction(delivery.body),),
    "projection.batch": (decode_message,),
    "projection.model": (decode_message,),
    "map.points": (lambda delivery: require_points(decode(delivery.body)),),
    "writing.settled": (read_settled,),
    "audit.command": (),  # by its contract alone
    **{one.family: (read_command,) for one in commands.CHANNELS},
    **{f"dead.{stage}": (decode_dead_letter,)
       for stage in ("discovery", "embedding", "projection", "writing")},
}  # fmt: skip
"""What reads the messages of a family; any event is read by its contract, besides."""


@dataclass(frozen=True)
class Sample:
    """A message that was once published."""

    channel: Channel
    body: bytes
    headers: dict[str, str]


def samples() -> list[Sample]:
    """Every stored example of every channel."""
    found = []
    for channel in CHANNELS:
        for file in sorted((EXAMPLES / channel.family).glob("v*")):
            if not file.name.endswith(".headers.json"):
                beside = file.with_suffix(".headers.json")
                headers = json.loads(beside.read_text()) if beside.exists() else {}
                found.append(Sample(channel, file.read_bytes(), headers))
    return found


def try_readers(sample: Sample, body: bytes, headers: dict[str, str]) -> int:
    """Have every reader of the channel read a body; returns how many took it.

    Raises whatever is not what readers may raise.
    """
    delivery = Delivery(sample.channel.subject("default"), body, headers, 1, 1)
    taken = 0
    for read in READERS.get(sample.channel.family, ()):
        try:
            read(delivery)
            taken += 1
        except InvalidMessage:
            pass
    if sample.channel.contract:
        try:
            sample.channel.contract.model_validate_json(body)
            taken += 1
        except ValidationError:
            pass
    return taken


def main(seed: int, count: int) -> None:
    random_ = random.Random(seed)
    known = samples()
    taken = sum(try_readers(one, one.body, one.headers) for one in known)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(count):
        sample = random_.choice(known)
        body = damaged(sample.body, random_)
        headers = {
            name: random_.choice([text, text, *NASTY_HEADERS])
            for name, text in sample.headers.items()
        }
        print(number, sample.channel.family, flush=True)
        refused += not try_readers(sample, body, headers)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"samples_taken": taken, "refused": refused, "grown_kib": grown}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
