"""No bytes on the bus may end a process, or take much more memory than they are."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from shared.bus.registry.channels import CHANNELS
from shared.contracts.batches import (
    DESCRIPTOR_KEY,
    decode,
    decode_rows,
    encode,
    encode_rows,
)
from shared.errors import InvalidMessage
from tests.builders import batch, descriptor
from tests.fuzz.decoders import READERS

ROOT = Path(__file__).parents[2]
MESSAGES = 4000
METADATA = {DESCRIPTOR_KEY: descriptor().model_dump_json().encode()}


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_messages_are_refused_or_read_but_end_no_process(seed: int) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.decoders", str(seed), str(MESSAGES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert told.returncode == 0, told.stdout[-100:] + told.stderr[-2000:]
    figures = json.loads(told.stdout.splitlines()[-1])
    assert figures["samples_taken"] >= len(CHANNELS)
    assert MESSAGES / 4 < figures["refused"] < MESSAGES
    assert figures["grown_kib"] < 64 << 10


def test_every_channel_that_somebody_here_reads_is_tried() -> None:
    read = {channel.family for channel in CHANNELS if channel.consumers != ("anybody",)}

    assert read <= set(READERS)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_compressed_batch_is_refused_before_it_is_unpacked(codec: str) -> None:
    """30 kB of it can stand for a gigabyte."""
    rows = batch(("a" * (8 << 20),)).rows.replace_schema_metadata(METADATA)
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.BufferOutputStream() as sink:
        with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
            writer.write_batch(rows)
        body = bytes(sink.getvalue())
    before = pa.total_allocated_bytes()

    with pytest.raises(InvalidMessage, match="compressed"):
        decode(body)

    assert pa.total_allocated_bytes() - before < 1 << 20


@pytest.mark.parametrize("claimed", [2**40, -1, 2**63 - 1])
def test_a_batch_of_more_rows_than_bytes_is_refused(claimed: int) -> None:
    body = encode_rows(pa.record_batch({"id": pa.nulls(1000)}), METADATA)
    lying = body.replace(struct.pack("<q", 1000), struct.pack("<q", claimed))

    with pytest.raises(InvalidMessage, match=f"claims {claimed} rows"):
        decode_rows(lying)


def test_a_stream_with_a_dictionary_is_refused() -> None:
    """No schema of ours has one, and a dictionary's rows cost nothing to repeat."""
    rows = pa.record_batch({"id": pa.array(["a", "a"]).dictionary_encode()})

    with pytest.raises(InvalidMessage, match="a dictionary instead of a record batch"):
        decode_rows(encode_rows(rows, METADATA))


@pytest.mark.parametrize("rows", [0, 1, 128])
def test_what_is_checked_before_reading_changes_nothing_about_what_is_read(rows: int) -> None:
    one = batch(tuple(f"text {n}" for n in range(rows)))

    assert decode(encode(one)).rows.equals(one.rows)
