import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.projection import ProjectionModel, ProjectionUpdated, encode_floats
from tests.builders import NOW


def fields(dimension: int = 3, **changes: Any) -> dict[str, Any]:
    return {
        "collection": "default",
        "version": 2,
        "parent": 1,
        "dimension": dimension,
        "mean": encode_floats(np.arange(dimension)),
        "components": encode_floats(np.eye(2, dimension)),
        "explained_variance_ratio": (0.5, 0.25),
        "record_count": 7,
        "reason": "threshold",
        "created_at": NOW,
    } | changes


@given(st.integers(1, 50))
def test_a_model_comes_back_from_json_bit_by_bit(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    mean = rng.normal(size=dimension).astype(np.float32)
    axes = rng.normal(size=(2, dimension)).astype(np.float32)
    sent = ProjectionModel(
        **fields(dimension, mean=encode_floats(mean), components=encode_floats(axes))
    )

    got = ProjectionModel.model_validate_json(sent.model_dump_json())

    assert got == sent
    assert np.array_equal(got.plane().mean, mean)
    assert np.array_equal(got.plane().components, axes)


def test_floats_are_little_endian_row_by_row() -> None:
    assert (
        base64.b64decode(encode_floats(np.array([[1, 2], [3, 4]]).T))
        == np.array([1, 3, 2, 4], "<f4").tobytes()
    )


BAD_ARRAYS = [
    {"mean": encode_floats(np.zeros(2))},
    {"mean": encode_floats(np.zeros(4))},
    {"mean": ""},
    {"mean": "?"},
    {"mean": "AAA"},
    {"mean": "AAAAAAA="},
    {"mean": "é" * 16},
    {"mean": encode_floats(np.array([0, np.nan, 0]))},
    {"components": encode_floats(np.zeros(3))},
    {"components": encode_floats(np.zeros((3, 3)))},
    {"components": encode_floats(np.full((2, 3), np.inf))},
    {"mean": encode_floats(np.zeros(6)), "components": encode_floats(np.zeros((2, 6)))},
]


@pytest.mark.parametrize("change", BAD_ARRAYS)
def test_a_model_whose_arrays_are_wrong_is_refused_like_any_other_mistake(
    change: dict[str, Any],
) -> None:
    """Subscribers that read events expect one kind of error."""
    body = ProjectionModel.model_construct(**fields(**change)).model_dump_json()

    with pytest.raises(ValidationError, match=r"mean|components"):
        ProjectionModel.model_validate_json(body)


@pytest.mark.parametrize(
    "change",
    [{"dimension": 0}, {"version": 0}, {"record_count": -1}, {"collection": "A"},
     {"explained_variance_ratio": (1.0,)}, {"created_at": "2026-01-01T00:00:00"}],
)  # fmt: skip
def test_other_mistakes_are_pydantics_to_tell(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProjectionModel.model_validate(fields(**change))


def test_a_wrong_model_inside_an_event_is_told_the_same_way() -> None:
    event = {
        "id": "e",
        "collection": "default",
        "occurred_at": NOW,
        "model": fields(mean=""),
    }

    with pytest.raises(ValidationError, match="mean holds 0 floats, not 3"):
        ProjectionUpdated.model_validate(event)


def test_fields_of_a_newer_program_are_ignored() -> None:
    assert ProjectionModel.model_validate(fields(mood="good")).version == 2
