"""Events about the projection, and the model that they carry."""

import base64
import binascii
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import AwareDatetime, Field, model_validator

from shared.contracts.base import MAX_INT64, Collection, Event, Message, Outcome, Reason
from shared.errors import InvalidMessage
from shared.plane import COMPONENTS, Plane


class Movement(Message):
    """How a new model moves the existing points, known from the moments alone.

    Lengths are in units of the map. The map's diagonal is that of a box which reaches three
    standard deviations of the points to each side of their centre, under the old model:
    ``6 * sqrt(variance_x + variance_y)``.
    """

    rms: float = Field(ge=0, description="Root mean square displacement of the points.")
    rms_share: float = Field(ge=0, description="The same, as a share of the map's diagonal.")
    centre: float = Field(ge=0, description="Displacement of the points' centre.")
    centre_share: float = Field(ge=0, description="The same, as a share of the map's diagonal.")
    diagonal: float = Field(ge=0, description="The map's diagonal under the old model.")
    explained_before: float = Field(
        description="Share of the present variance that the old model's plane explains."
    )
    explained_after: float = Field(
        description="Share of the present variance that the new model's plane explains."
    )


class ProjectionModel(Message):
    """A version of a collection's projection: ``(vector - mean) @ components.T`` gives x, y."""

    collection: Collection = Field(description="The collection whose vectors it projects.")
    version: int = Field(ge=1, le=MAX_INT64, description="Counts up by one with every model.")
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
    explained_variance: tuple[float, float] | None = Field(
        default=None,
        description="Variance along each component, with n - 1 as divisor; null in models that "
        "were fitted by older versions of Mapstream.",
    )
    movement: Movement | None = Field(
        default=None,
        description="How it moved the points that there were; null of the first model, and of "
        "those of older versions of Mapstream.",
    )

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        try:
            self.plane()
        except InvalidMessage as error:  # so that whoever reads an event has one error to expect
            raise ValueError(str(error)) from error
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


class Decision(Message):
    """Why a refit was made, held or previewed, in numbers."""

    trigger: Literal["first", "threshold", "drift", "command", "rollback", "forget"] = Field(
        description="What called for it."
    )
    records: int = Field(ge=0, description="Records counted at the time.")
    records_at_last_fit: int = Field(ge=0, description="Records of the model before.")
    growth_threshold: float = Field(description="Growth that calls for a refit, as a factor.")
    mean_shift: float = Field(
        default=0.0, description="Distance of the mean from the model's, in standard deviations."
    )
    mean_shift_threshold: float = Field(default=0.0, description="Shift that calls for a refit.")
    unexplained: float = Field(
        default=0.0,
        description="Share of the variance that the best plane explains and the current does not.",
    )
    unexplained_threshold: float = Field(
        default=0.0, description="Such a share calls for a refit."
    )
    movement_budget: float = Field(
        default=0.0, description="Largest rms_share that is applied without force."
    )


class ProjectionUpdated(Event):
    """A collection has a new model; every point of the map is being moved to it."""

    family: ClassVar[str] = "projection.updated"
    settles_as: ClassVar[Outcome | None] = "done"

    model: ProjectionModel = Field(description="The whole model, for use by anybody.")
    movement: Movement | None = Field(
        default=None, description="How the existing points move; none for the first model."
    )
    decision: Decision | None = Field(default=None, description="Why, in numbers.")


class ProjectionHeld(Event):
    """A refit would move the points further than the budget allows; nothing has changed.

    A refit command with ``force`` applies it.
    """

    family: ClassVar[str] = "projection.held"
    settles_as: ClassVar[Outcome | None] = "held"

    version: int = Field(ge=0, description="The model that stays current.")
    movement: Movement = Field(description="What the refit would bring.")
    decision: Decision = Field(description="Why it was called for and why it is held.")


class ProjectionPreviewed(Event):
    """What a refit would bring, as asked for with ``dry_run``; nothing has changed."""

    family: ClassVar[str] = "projection.previewed"
    settles_as: ClassVar[Outcome | None] = "previewed"

    version: int = Field(ge=0, description="The model that stays current.")
    movement: Movement | None = Field(description="What it would bring; none before a first fit.")
    decision: Decision = Field(description="The numbers that automatic refits go by.")
    would_be_held: bool = Field(description="Whether it would need force.")


class ProjectionRejected(Event):
    """A command about the projection could not be carried out; nothing has changed."""

    family: ClassVar[str] = "projection.rejected"
    settles_as: ClassVar[Outcome | None] = "rejected"

    command: str = Field(description="Subject of the refused command.")
    reason: Reason = Field(description="Why it was refused.")
