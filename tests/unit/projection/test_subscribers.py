from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from faststream.nats import NatsBroker

from services.projection.app import figures
from services.projection.domain.moments import Moments
from services.projection.domain.state import CollectionState
from services.projection.handlers import Rules
from services.projection.subscribers import CollectionShell, decode_batch, decode_retraction
from shared.bus.publisher import Publisher
from shared.bus.subscriptions import Delivery
from shared.contracts.batches import encode, encode_rows, vector_array
from shared.contracts.projection import ProjectionRejected
from shared.errors import InvalidMessage
from tests.builders import batch, embedded_batch
from tests.fakes.clock import FrozenClock
from tests.fakes.projection_store import FakeProjectionStore
from tests.unit.projection.domain.test_state import model


def delivery(body: bytes, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "subject": "embedding.batch.default",
        "headers": {},
        "sequence": 7,
        "deliveries": 1,
    }
    return Delivery(body=body, **fields | changes)


def shell() -> CollectionShell:
    return CollectionShell(
        CollectionState("default"),
        store=FakeProjectionStore(),
        publisher=Publisher(NatsBroker(), "projection"),
        clock=FrozenClock(),
        rules=Rules(),
    )


async def test_the_same_wrong_command_is_answered_with_the_same_id() -> None:
    """So that the stream drops the answer to a second delivery."""
    one = shell()

    (first,) = await one.on_refit(delivery(b"{"))
    (again,) = await one.on_refit(delivery(b"{", deliveries=2))
    (other,) = await one.on_refit(delivery(b"{", sequence=8))

    assert first.message_id == again.message_id != other.message_id
    event = ProjectionRejected.model_validate_json(first.body)
    assert event.correlation_id
    assert "cannot be read" in event.reason


async def test_a_refusal_repeats_the_correlation_id_of_the_command() -> None:
    (own,) = await shell().on_refit(delivery(b'{"correlation_id": "own"}'))
    (header,) = await shell().on_refit(delivery(b"{}", headers={"Nats-Msg-Id": "wish-1"}))

    found = [
        ProjectionRejected.model_validate_json(one.body).correlation_id for one in (own, header)
    ]
    assert found == ["own", "wish-1"]


def test_a_batch_of_vectors_is_read() -> None:
    sent = embedded_batch(np.eye(2))

    assert decode_batch(delivery(encode(sent))).rows.equals(sent.rows)


def test_batches_that_are_none_are_refused() -> None:
    plain = embedded_batch(np.eye(2))
    bodies = {
        "no Arrow": b"?",
        "no vectors": encode(batch()),
        "of another collection": encode(embedded_batch(np.eye(2), collection="other")),
        "a column short": encode_rows(
            plain.rows.drop_columns(["text"]), dict(plain.rows.schema.metadata or {})
        ),
    }
    taken = [name for name, body in bodies.items() if not refused(decode_batch, delivery(body))]
    assert taken == []


def refused(read: Callable[[Any], object], argument: object) -> bool:
    try:
        read(argument)
    except InvalidMessage:
        return True
    return False


def rows(ids: list[str], vectors: np.ndarray, **names: str) -> bytes:
    texts = pa.array(ids, pa.string())
    columns = {names.get("batch_id", "batch_id"): texts, "vector": vector_array(vectors)}
    return encode_rows(pa.record_batch(columns), {})


def test_a_retraction_is_read_batch_by_batch() -> None:
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)

    found = decode_retraction(rows(["a", "b", "a", "c"], vectors))

    assert [one.batch_id for one in found] == ["a", "b", "c"]
    assert [one.vectors.tolist() for one in found] == [[[0, 1], [4, 5]], [[2, 3]], [[6, 7]]]


def test_an_empty_retraction_takes_nothing() -> None:
    assert decode_retraction(rows([], np.empty((0, 2), np.float32))) == []


def test_retractions_that_are_none_are_refused() -> None:
    vectors = np.ones((1, 2), np.float32)
    columns = {"batch_id": pa.array([None], pa.string()), "vector": vector_array(vectors)}
    number = {"batch_id": pa.array([1]), "vector": vector_array(vectors)}
    bodies = {
        "no Arrow": b"?",
        "another column": rows(["a"], vectors, batch_id="id"),
        "a record batch": encode(embedded_batch(vectors)),
        "no id": encode_rows(pa.record_batch(columns), {}),
        "an id that is no text": encode_rows(pa.record_batch(number), {}),
    }
    taken = [name for name, body in bodies.items() if not refused(decode_retraction, body)]
    assert taken == []


def test_figures_tell_records_version_and_staleness() -> None:
    state = CollectionState("default")
    assert figures(state) == {
        "records": 0,
        "version": 0,
        "is_stale": False,
        "explained_variance_ratio": [0.0, 0.0],
    }

    state.moments, state.model = Moments.of(np.eye(2, dtype=np.float32)), model(2, version=4)
    assert figures(state) == {
        "records": 2,
        "version": 4,
        "is_stale": True,
        "explained_variance_ratio": [0.5, 0.5],
    }
