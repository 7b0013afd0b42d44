"""What is told of models of the projection."""

from datetime import datetime

from pydantic import Field

from services.gateway.handlers.upload_answers import Body
from shared.contracts.projection import Movement


class ModelFacts(Body):
    """What a model says of itself, its plane excepted."""

    version: int = Field(ge=1, description="Counts up by one with every model.")
    parent: int | None = Field(description="The version it replaced; null for the first.")
    dimension: int = Field(ge=1, description="Length of a vector.")
    explained_variance_ratio: list[float] = Field(
        min_length=2, max_length=2, description="Share of the variance along each component."
    )
    record_count: int = Field(ge=0, description="Records that the model was fitted to.")
    reason: str = Field(description="Why it was fitted.")
    created_at: datetime = Field(description="When it was fitted.")
    explained_variance: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="Variance along each component; null of models of older versions.",
    )
    movement: Movement | None = Field(
        default=None,
        description="How it moved the points that there were, and how much of their variance it "
        "explains; null of the first model and of those of older versions.",
    )


class WholeModel(ModelFacts):
    """A model: ``(vector - mean) @ components.T`` gives x and y."""

    collection: str = Field(description="The collection whose vectors it projects.")
    mean: str = Field(description="d little-endian float32, base64.")
    components: str = Field(description="2 rows of d little-endian float32, base64.")


class ModelSummary(ModelFacts):
    """A model, without its plane."""

    is_current: bool = Field(description="Whether the public files hold its coordinates.")


class ModelPage(Body):
    """A piece of the history, newest first."""

    collection: str = Field(description="The collection.")
    total: int = Field(ge=0, description="Models in all.")
    limit: int = Field(ge=1, description="The most that were asked for.")
    offset: int = Field(ge=0, description="How many newer ones were left out.")
    items: list[ModelSummary] = Field(description="The models.")
