"""A model as a document of its own, for programs that know nothing else of Mapstream."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, FiniteFloat, model_validator

from shared.contracts.base import MAX_INT64, Collection, Message
from shared.contracts.projection import ProjectionModel
from shared.plane import COMPONENTS

FORMAT: Literal["mapstream.model/1"] = "mapstream.model/1"
Numbers = tuple[FiniteFloat, ...]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ModelDocument(Message):
    """A model with plain numbers: ``(vector - mean) @ components.T`` gives x and y of the map.

    The numbers are float32 values, written so that they are read again to the last bit.
    """

    format: Literal["mapstream.model/1"] = Field(
        description="Of this document; another number after the slash has other fields."
    )
    collection: Collection = Field(description="The collection whose vectors it projects.")
    version: int = Field(ge=1, le=MAX_INT64, description="Counts up by one with every model.")
    dimension: int = Field(ge=1, description="Length d of a vector.")
    mean: Numbers = Field(description="d numbers.")
    components: tuple[Numbers, Numbers] = Field(
        description="2 rows of d numbers: the axes x and y, turned as those of the map are."
    )
    explained_variance: tuple[Share, Share] | None = Field(
        description="Variance along each component, with n - 1 as divisor; null if it was fitted "
        "by a version of Mapstream that did not keep it."
    )
    explained_variance_ratio: tuple[Share, Share] = Field(
        description="Share of the variance along each component."
    )
    record_count: int = Field(
        ge=0, le=MAX_INT64, description="Records that the model was fitted to."
    )
    reason: str = Field(description="Why it was fitted: first, threshold, command ...")
    created_at: AwareDatetime = Field(description="When it was fitted.")

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        for name, row in zip(("mean", "x", "y"), (self.mean, *self.components), strict=True):
            if len(row) != self.dimension:
                raise ValueError(f"{name} holds {len(row)} numbers, not {self.dimension}")
        return self

    @classmethod
    def of(cls, model: ProjectionModel) -> Self:
        """Write a model of the bus as a document.

        Raises:
            ValidationError: It says of itself what cannot be.
        """
        plane = model.plane()
        same = ModelDocument.model_fields.keys() - {"format", "mean", "components"}
        return cls.model_validate(
            {name: getattr(model, name) for name in same}
            | {"format": FORMAT, "mean": plane.mean.tolist()}
            | {"components": plane.components.reshape(COMPONENTS, -1).tolist()}
        )
