"""The messages of an Arrow stream, and what they claim, before memory is taken for it."""

import struct

import pyarrow as pa

from shared.errors import InvalidMessage

HEADER, LENGTH, COMPRESSION = 2, 0, 3
"""Fields of the flatbuffers in an Arrow stream: of a message, and two of a record batch."""


def plain_messages(body: bytes) -> tuple[pa.ipc.Message, pa.ipc.Message]:
    """Take the schema and the only record batch out of a stream.

    Raises:
        InvalidMessage: It does not end there, or the batch is compressed or claims more rows than
            there are bytes.
        ArrowException, OSError, ValueError, TypeError: It is no Arrow stream.
    """
    reader = pa.ipc.MessageReader.open_stream(body)
    schema, batch = _next(reader, "schema"), _next(reader, "record batch")
    try:
        reader.read_next_message()
    except StopIteration:
        _require_plain(batch, len(body))
        return schema, batch
    raise InvalidMessage("the Arrow stream holds more than one record batch")


def _next(reader: pa.ipc.MessageReader, kind: str) -> pa.ipc.Message:
    try:
        message = reader.read_next_message()
    except StopIteration as error:
        raise InvalidMessage(f"the Arrow stream has no {kind}") from error
    if message.type != kind:
        raise InvalidMessage(f"the Arrow stream has a {message.type} instead of a {kind}")
    return message


def _require_plain(message: pa.ipc.Message, size: int) -> None:
    """Check what a record batch claims: some kilobytes can stand for gigabytes of one value.

    PyArrow does not tell, so this reads the message's flatbuffer; Arrow has verified it already.

    Raises:
        InvalidMessage: It is compressed, claims more rows than it has bytes, or cannot be read.
    """
    try:
        rows, is_compressed = _claims(memoryview(message.metadata))
    except struct.error as error:
        raise InvalidMessage(f"not an Arrow stream of one record batch: {error}") from error
    if not 0 <= rows <= size:
        raise InvalidMessage(f"the Arrow stream claims {rows} rows in {size} bytes")
    if is_compressed:
        raise InvalidMessage("the Arrow stream is compressed: send it as it is")


def _claims(document: memoryview) -> tuple[int, bool]:
    """Read how many rows a record batch claims, and whether it is compressed."""
    (root,) = struct.unpack_from("<I", document, 0)
    header = _field(document, root, HEADER)
    table = header + struct.unpack_from("<I", document, header)[0]
    length = _field(document, table, LENGTH)
    rows = struct.unpack_from("<q", document, length)[0] if length else 0
    return rows, _field(document, table, COMPRESSION) > 0


def _field(document: memoryview, table: int, index: int) -> int:
    """Find a field of a flatbuffer table; 0 if it is left out."""
    vtable = table - struct.unpack_from("<i", document, table)[0]
    entry = 4 + 2 * index
    if entry >= struct.unpack_from("<H", document, vtable)[0]:
        return 0
    (offset,) = struct.unpack_from("<H", document, vtable + entry)
    return table + offset if offset else 0
