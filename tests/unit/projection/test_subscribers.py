import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from services.projection.app import figures, rules_of
from services.projection.domain.counted import Counted
from services.projection.domain.moments import Moments
from services.projection.domain.refits import Rules
from services.projection.domain.state import CollectionState
from services.projection.settings import ProjectionSection
from services.projection.subscribers.collection import decode_batch, decode_retraction
from shared.bus.messages.received import Delivery
from shared.contracts.batches import FORGOTTEN_KEY, encode, encode_rows, vector_array
from shared.contracts.statuses import ModelFigures
from shared.errors import InvalidMessage
from tests.builders import batch, embedded_batch
from tests.unit.projection.domain.test_state import model
from tests.unit.projection.stage import NO_DRIFT, Stage, piece


def delivery(body: bytes, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "subject": "embedding.batch.default",
        "headers": {},
        "sequence": 7,
        "deliveries": 1,
    }
    return Delivery(body=body, **fields | changes)


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


def rows(
    ids: list[str], vectors: np.ndarray, *, marks: dict[bytes, bytes] | None = None, **names: str
) -> bytes:
    texts = pa.array(ids, pa.string())
    columns = {names.get("batch_id", "batch_id"): texts, "vector": vector_array(vectors)}
    return encode_rows(pa.record_batch(columns), marks or {})


def test_a_retraction_is_read_batch_by_batch() -> None:
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)

    found = decode_retraction(rows(["a", "b", "a", "c"], vectors))

    assert [one.batch_id for one in found] == ["a", "b", "c"]
    assert [one.vectors.tolist() for one in found] == [[[0, 1], [4, 5]], [[2, 3]], [[6, 7]]]


def test_a_retraction_tells_whether_its_vectors_are_to_be_forgotten() -> None:
    vectors = np.ones((2, 2), np.float32)
    bodies = {
        True: rows(["a", "b"], vectors, marks={FORGOTTEN_KEY: b"true"}),
        False: rows(["a", "b"], vectors, marks={b"other": b"true"}),
    }

    for is_forgotten, body in bodies.items():
        assert [one.is_forgotten for one in decode_retraction(body)] == [is_forgotten] * 2


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
    assert figures(state) == ModelFigures(explained_variance_ratio=[0.0, 0.0], records=0)

    state.moments = Counted(2, Moments.of(np.eye(2, dtype=np.float32)))
    state.model = model(2, version=4)
    assert figures(state) == ModelFigures(
        records=2, version=4, is_stale=True, explained_variance_ratio=[0.5, 0.5]
    )


async def test_figures_tell_of_a_held_refit_in_json() -> None:
    stage = Stage(rules=replace(NO_DRIFT, young_below=0, movement_budget=1e-9))
    await stage.project(piece(0))
    await stage.project(piece(3))

    told = json.loads(figures(stage.state).model_dump_json())

    held = stage.state.held
    assert held is not None
    assert told["held"]["movement"]["rms_share"] == held.movement.rms_share
    assert told["held"]["decision"]["trigger"] == "threshold"
    assert (told["version"], told["is_stale"]) == (1, True)


def test_every_rule_can_be_set() -> None:
    section = ProjectionSection(
        refit_threshold=3.0,
        align=False,
        movement_budget=0.3,
        young_below=7,
        drift_mean_shift=0.7,
        drift_unexplained=0.9,
    )

    assert rules_of(section) == Rules(3.0, False, 0.3, 7, 0.7, 0.9)
    assert rules_of(ProjectionSection()) == Rules()
