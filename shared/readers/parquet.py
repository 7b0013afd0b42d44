"""Reads Parquet: its columns are named, and its values are written as text."""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from shared.readers.cells import text_of
from shared.readers.errors import UnreadableFileError
from shared.readers.parts import Fact, Part, Recognised, Row, Table, Warnings

MOST_BYTES: Final = 512 << 20
MOST_COLUMNS: Final = 16_384
AT_ONCE: Final = 1000
DAMAGED: Final = "write it anew with its program"


def read_parquet(file: BinaryIO, why: str) -> Iterator[Part]:
    """Read a Parquet file.

    Raises:
        UnreadableFileError: It is damaged, encrypted or too large unpacked.
    """
    import pyarrow as pa  # noqa: PLC0415  large; only of these files
    import pyarrow.parquet as pq  # noqa: PLC0415

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    try:
        opened = pq.ParquetFile(file, memory_map=False)
        metadata = opened.metadata
        _weigh(metadata)
        columns = tuple(opened.schema_arrow.names)
        types = ", ".join(map(str, opened.schema_arrow.types))
        yield Recognised("parquet", why, (Fact("types", types[:300], "the file says so"),))
        yield Table(_apart(columns))
        yield from _rows(opened)
    except MemoryError:
        raise
    except pa.ArrowException as error:
        line = str(error).partition("\n")[0][:200]
        if "encrypt" in line.lower():
            raise UnreadableFileError("it is encrypted", "write it without encryption") from error
        raise UnreadableFileError(f"it is damaged ({line})", DAMAGED) from error
    except OSError as error:
        raise UnreadableFileError(f"it is damaged ({str(error)[:200]})", DAMAGED) from error


def _rows(opened: Any) -> Iterator[Row]:
    number = 0
    for batch in opened.iter_batches(AT_ONCE, use_threads=False):
        lists = [column.to_pylist() for column in batch.columns]
        for cells in zip(*lists, strict=True):
            number += 1
            yield Row(number, tuple(map(_text, cells)))


def _text(value: Any) -> str:
    """Write a value; of a float that is whole, all that was stored is known."""
    return repr(value) if isinstance(value, float) else text_of(value, "", Warnings())


def _weigh(metadata: Any) -> None:
    if metadata.num_columns > MOST_COLUMNS:
        raise UnreadableFileError(
            f"it has {metadata.num_columns} columns, and {MOST_COLUMNS} is the limit", "split it"
        )
    groups = range(metadata.num_row_groups)
    size = sum(metadata.row_group(one).total_byte_size for one in groups)
    if size > MOST_BYTES or size < 0:
        raise UnreadableFileError(
            f"it says it unpacks to {size >> 20} MiB, and {MOST_BYTES >> 20} MiB is the limit",
            "split it",
        )


def _apart(names: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for place, name in enumerate(names, 1):
        name = name or f"column {place}"  # noqa: PLW2901
        found[f"{name} ({place})" if name in found else name] = None
    return tuple(found)
