"""The document of a model: every number as the map has it, and nothing that is no number."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from shared.contracts.model_document import ModelDocument
from shared.contracts.projection import encode_floats
from tests.builders import NOW, projection_model

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = np.random.default_rng(5).normal(size=(9, 4)).astype(np.float32)


@given(st.data(), st.integers(1, 12))
def test_json_has_every_number_to_the_last_bit(data: st.DataObject, dimension: int) -> None:
    mean = data.draw(arrays(np.float32, dimension, elements=FLOATS))
    axes = data.draw(arrays(np.float32, (2, dimension), elements=FLOATS))
    model = projection_model(np.ones((1, dimension))).model_copy(
        update={"mean": encode_floats(mean), "components": encode_floats(axes)}
    )

    body = ModelDocument.of(model).model_dump_json()

    told = json.loads(body)
    assert np.array(told["mean"], np.float32).tobytes() == mean.tobytes()
    assert np.array(told["components"], np.float32).tobytes() == axes.tobytes()
    assert ModelDocument.model_validate_json(body) == ModelDocument.of(model)


def test_a_document_says_what_the_model_says() -> None:
    model = projection_model(VECTORS, version=7, reason="drift")

    told = ModelDocument.of(model)

    assert told.format == "mapstream.model/1"
    assert (told.collection, told.version, told.dimension) == ("default", 7, 4)
    assert (told.record_count, told.reason, told.created_at) == (9, "drift", NOW)
    assert told.explained_variance == model.explained_variance
    assert told.explained_variance_ratio == model.explained_variance_ratio


def test_a_model_of_an_older_version_has_no_variance() -> None:
    document = ModelDocument.of(projection_model(VECTORS, explained_variance=None))

    assert json.loads(document.model_dump_json())["explained_variance"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.0]},
        {"components": [[0.0] * 4, [0.0] * 3]},
        {"components": [[0.0] * 4]},
        {"mean": [0.0, 0.0, 0.0, float("nan")]},
        {"explained_variance_ratio": [float("nan"), 0.0]},
        {"explained_variance": [float("inf"), 0.0]},
        {"explained_variance": [-1.0, 0.0]},
        {"format": "mapstream.model/2"},
        {"format": None},
        {"version": 0},
    ],
    ids=str,
)
def test_what_is_no_model_of_this_format_is_refused(change: dict[str, Any]) -> None:
    fields = ModelDocument.of(projection_model(VECTORS)).model_dump()

    with pytest.raises(ValidationError):
        ModelDocument.model_validate(fields | change)
