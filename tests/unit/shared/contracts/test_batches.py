from datetime import UTC
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.batches import (
    ADDED_COLUMNS,
    RECORD_SCHEMA,
    Batch,
    BatchDescriptor,
    decode,
    embedded_schema,
    encode,
    encode_rows,
    projected_schema,
    require_columns,
    retraction_schema,
    vector_array,
    vectors_of,
)
from shared.errors import InvalidMessage
from tests.builders import batch, descriptor, embedded_batch

ONES = np.ones((2, 2), np.float32)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
records = st.fixed_dictionaries(
    {
        "id": words,
        "timestamp": st.none() | st.datetimes(timezones=st.just(UTC)),
        "filename": words,
        "text": words,
        "iteration": int32,
        "idx_in_iteration": int32,
        "type": words,
        "truncated": st.booleans(),
        "line": int64,
        "byte_offset": int64,
        "attributes": st.none() | words,
        "arrived_at": st.none() | st.datetimes(timezones=st.just(UTC)),
    }
)
names = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,62}\Z")
descriptors = st.builds(
    BatchDescriptor,
    collection=names,
    batch_id=words,
    source_id=words,
    filename=words,
    fingerprint=words,
    source_version=st.integers(1, 2**40),
    index=st.integers(0, 2**40),
    is_last=st.booleans(),
    records=st.integers(0, 128),
    embedder=st.none() | words,
    model_version=st.none() | st.integers(1, 2**31),
)


def with_column(one: Batch, name: str, column: Any) -> Batch:
    return Batch(one.descriptor, one.rows.append_column(name, column))


# --- there and back


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(facts=descriptors, rows=st.lists(records, max_size=9), width=st.integers(1, 9))
def test_a_batch_comes_back_as_it_was(
    facts: BatchDescriptor, rows: list[dict[str, Any]], width: int
) -> None:
    vectors = np.random.default_rng(len(rows)).normal(size=(len(rows), width))
    plain = Batch(facts, pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA))
    sent = with_column(plain, "vector", vector_array(vectors.astype(np.float32)))

    got = decode(encode(sent))

    assert got.descriptor == facts
    assert got.rows.equals(sent.rows)
    assert np.array_equal(got.vectors, vectors.astype(np.float32))
    assert encode(got) == encode(sent)


def test_no_records_are_a_batch_too() -> None:
    got = decode(encode(embedded_batch(np.empty((0, 7), np.float32))))

    assert (len(got), got.vectors.shape) == (0, (0, 7))
    require_columns(got.rows, embedded_schema(7))


def test_a_part_of_a_batch_is_sent_alone() -> None:
    whole = embedded_batch(np.arange(12, dtype=np.float32).reshape(6, 2))
    part = Batch(whole.descriptor, whole.rows.slice(2, 3))

    got = decode(encode(part))

    assert got.rows["text"].to_pylist() == ["text 2", "text 3", "text 4"]
    assert got.vectors.tolist() == [[4, 5], [6, 7], [8, 9]]
    assert part.vectors.tolist() == [[4, 5], [6, 7], [8, 9]]
    assert len(encode(part)) < len(encode(whole))


def test_vectors_are_not_copied() -> None:
    got = decode(encode(embedded_batch(np.ones((3, 8), np.float32))))

    assert np.shares_memory(got.vectors, got.vectors)
    assert not got.vectors.flags.owndata


def test_the_descriptor_of_a_newer_program_is_read() -> None:
    rows = batch().rows
    document = descriptor().model_dump_json()[:-1] + ', "mood": "good"}'

    body = encode_rows(rows, {b"mapstream.batch": document.encode(), b"other": b"\xff"})

    assert decode(body).descriptor == descriptor()


# --- what is refused


def stream(*batches: pa.RecordBatch) -> bytes:
    with pa.BufferOutputStream() as sink:
        with pa.ipc.new_stream(sink, RECORD_SCHEMA) as writer:
            for one in batches:
                writer.write_batch(one)
        return bytes(sink.getvalue())


def is_refused(body: bytes) -> bool:
    try:
        decode(body)
    except InvalidMessage:
        return True
    return False


def test_bytes_that_are_no_batch_are_refused() -> None:
    valid = encode(batch())
    bodies = {
        "empty": b"",
        "text": b"not arrow",
        "JSON": b'{"a": 1}',
        "a file": b"ARROW1\x00\x00" + valid,
        "cut off": valid[: len(valid) // 2],
        "no rows": stream(),
        "two": stream(batch().rows, batch().rows),
        "no descriptor": encode_rows(batch().rows, {}),
        "no JSON": encode_rows(batch().rows, {b"mapstream.batch": b"{"}),
        "no descriptor in it": encode_rows(batch().rows, {b"mapstream.batch": b"{}"}),
        "zeros": bytes(1000),
        "ones": b"\xff" * 1000,
    }
    assert [name for name, body in bodies.items() if not is_refused(body)] == []


@pytest.mark.parametrize(
    "change",
    [{"collection": "Upper"}, {"collection": "a.b"}, {"collection": "a\n"}, {"collection": ""},
     {"collection": "a" * 64}, {"source_version": 0}, {"index": -1}, {"records": -1}],
)  # fmt: skip
def test_a_descriptor_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    facts = descriptor().model_copy(update=change)

    with pytest.raises(InvalidMessage, match="descriptor is wrong"):
        decode(encode(Batch(facts, batch().rows)))


def test_text_that_is_no_utf8_is_refused() -> None:
    body = encode(batch(("hello", "world")))
    at = body.index(b"helloworld")

    with pytest.raises(InvalidMessage):
        decode(body[:at] + b"\xff\xfe" + body[at + 2 :])


def test_columns_that_share_a_name_are_refused() -> None:
    twice = with_column(embedded_batch(ONES), "vector", vector_array(ONES))

    with pytest.raises(InvalidMessage, match="share a name"):
        decode(encode(twice))


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (None, "no column 'vector'"),
        (pa.array([1.0, 2.0], pa.float32()), "is float"),
        (pa.array([[1.0], [2.0]], pa.list_(pa.float32())), "is list"),
        (pa.array([[1.0], [2.0]], pa.list_(pa.float64(), 1)), "double"),
        (pa.array([[1.0], None], pa.list_(pa.float32(), 1)), "holds nulls"),
        (pa.array([[1.0], [None]], pa.list_(pa.float32(), 1)), "holds nulls"),
        (pa.array([[], []], pa.list_(pa.float32(), 0)), "no length"),
    ],
)
def test_vectors_of_another_kind_are_refused(column: Any, complaint: str) -> None:
    one = batch() if column is None else with_column(batch(), "vector", column)

    with pytest.raises(InvalidMessage, match=complaint):
        _ = decode(encode(one)).vectors


# --- columns


@pytest.mark.parametrize("missing", sorted(set(RECORD_SCHEMA.names) - ADDED_COLUMNS))
def test_a_missing_column_is_named(missing: str) -> None:
    rows = batch().rows
    rows = rows.select([name for name in rows.schema.names if name != missing])

    with pytest.raises(InvalidMessage, match=f"no column '{missing}'"):
        require_columns(rows, RECORD_SCHEMA)


@pytest.mark.parametrize("missing", sorted(ADDED_COLUMNS))
def test_a_column_that_was_added_later_may_be_missing_but_not_be_of_another_type(
    missing: str,
) -> None:
    rows = batch().rows
    position = rows.schema.get_field_index(missing)

    require_columns(rows.drop_columns([missing]), RECORD_SCHEMA)
    with pytest.raises(InvalidMessage, match=f"column '{missing}' is int64"):
        require_columns(rows.set_column(position, missing, pa.array([1, 2])), RECORD_SCHEMA)


def test_a_column_of_another_type_is_named() -> None:
    rows = batch().rows
    position = rows.schema.get_field_index("iteration")
    wrong = rows.set_column(position, "iteration", pa.array([1, 2], pa.int64()))

    with pytest.raises(InvalidMessage, match="column 'iteration' is int64, not int32"):
        require_columns(wrong, RECORD_SCHEMA)


def test_nulls_are_refused_only_where_they_may_not_be() -> None:
    rows = batch().rows
    for name, passes in (("timestamp", True), ("text", False)):
        position = rows.schema.get_field_index(name)
        nulls = rows.set_column(position, name, pa.nulls(2, rows.schema.field(name).type))
        if passes:
            require_columns(nulls, RECORD_SCHEMA)
        else:
            with pytest.raises(InvalidMessage, match=f"'{name}' holds nulls"):
                require_columns(nulls, RECORD_SCHEMA)


def test_columns_may_stand_in_any_order_and_others_among_them() -> None:
    rows = batch().rows.select(RECORD_SCHEMA.names[::-1])

    require_columns(rows.append_column("extra", pa.array([1, 2])), RECORD_SCHEMA)


def test_each_stage_adds_its_columns() -> None:
    assert embedded_schema(3).names == [*RECORD_SCHEMA.names, "vector"]
    assert projected_schema(3).names == [*RECORD_SCHEMA.names, "vector", "x", "y"]
    assert retraction_schema(3).names == ["batch_id", "vector"]
    with pytest.raises(InvalidMessage, match=r"\[2\].*, not .*\[3\]"):
        require_columns(embedded_batch(np.ones((1, 2))).rows, embedded_schema(3))


@given(st.integers(0, 5), st.integers(1, 5))
def test_vectors_and_column_are_two_views_of_one_thing(count: int, width: int) -> None:
    vectors = np.random.default_rng(count).normal(size=(width, count)).astype(np.float32).T

    assert np.array_equal(vectors_of(vector_array(vectors)), vectors)
