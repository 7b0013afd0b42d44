"""Events about the projection, and the model that they carry."""

import base64
import binascii
from typing import ClassVar, Self

import numpy as np
from pydantic import AwareDatetime, Field, model_validator

from shared.contracts.base import Collection, Event, Message
from shared.errors import InvalidMessage
from shared.plane import COMPONENTS, Plane


class ProjectionModel(Message):
    """A version of a collection's projection: ``(vector - mean) @ components.T`` gives x, y."""

    collection: Collection = Field(description="The collection whose vectors it projects.")
    version: int = Field(ge=1, description="Counts up by one with every model.")
    parent: int | None = Field(description="The version it replaced; null for the first.")
    dimension: int = Field(ge=1, description="Length d of a vector.")
    mean: str = Field(description="d little-endian float32, base64.")
    components: str = Field(description="2 rows of d little-endian float32, base64.")
    explained_variance_ratio: tuple[float, float] = Field(
        description="Share of the variance along each component."
    )
    record_count: int = Field(ge=0, description="Records that the model was fitted to.")
    reason: str = Field(description="Why it was fitted: first, threshold, command ...")
    created_at: AwareDatetime = Field(description="When it was fitted.")

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        self.plane()
        return self

    def plane(self) -> Plane:
        """Return the plane that the model carries.

        Raises:
            InvalidMessage: Mean or components are not base64 of the right number of floats.
        """
        mean = _floats(self.mean, self.dimension, "mean")
        components = _floats(self.components, COMPONENTS * self.dimension, "components")
        return Plane(mean, components.reshape(COMPONENTS, self.dimension))


def encode_floats(values: np.ndarray) -> str:
    """Write an array as base64 of little-endian float32, row by row."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def _floats(text: str, count: int, name: str) -> np.ndarray:
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise InvalidMessage(f"{name} is not base64 of float32: {error}") from error
    if values.shape != (count,):
        raise InvalidMessage(f"{name} holds {values.size} floats, not {count}")
    if not np.isfinite(values).all():
        raise InvalidMessage(f"{name} holds NaN or infinite values")
    return values.astype(np.float32)


class ProjectionUpdated(Event):
    """A collection has a new model; every point of the map is being moved to it."""

    kind: ClassVar[str] = "projection.updated"

    model: ProjectionModel = Field(description="The whole model, for use by anybody.")


class ProjectionRejected(Event):
    """A command about the projection could not be carried out; nothing has changed."""

    kind: ClassVar[str] = "projection.rejected"

    command: str = Field(description="Subject of the refused command.")
    reason: str = Field(description="Why it was refused.")
