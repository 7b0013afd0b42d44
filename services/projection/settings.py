"""What the projection service reads from its configuration."""

from pydantic import Field

from shared.settings import Section, ServiceSettings


class ProjectionSection(Section):
    """When the model is fitted, and how."""

    refit_threshold: float = Field(
        default=2.0,
        gt=1.0,
        allow_inf_nan=False,
        description="Refit when the records have grown by this factor.",
    )
    align: bool = Field(
        default=True, description="Turn a new model onto the old map, so that points move less."
    )
    movement_budget: float = Field(
        default=0.1,
        gt=0,
        allow_inf_nan=False,
        description="Largest movement of a refit without force: root mean square displacement as "
        "a share of the map's diagonal.",
    )
    young_below: int = Field(
        default=1000, ge=0, description="A map with fewer records is refitted whatever moves."
    )
    drift_mean_shift: float = Field(
        default=0.5,
        gt=0,
        allow_inf_nan=False,
        description="Refit when the mean has moved by so many standard deviations.",
    )
    drift_unexplained: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Refit when the best plane would explain so much more of the variance.",
    )
    keep_models: int = Field(
        default=100,
        ge=2,
        description="How many models a rollback can choose from; the oldest are deleted.",
    )
    micro_batch_max: int = Field(
        default=64, ge=1, le=1024, description="Batches of one checkpoint, at most."
    )
    micro_batch_wait_s: float = Field(
        default=0.05, gt=0, le=5, description="How long a checkpoint waits for more batches."
    )


class Settings(ServiceSettings):
    """Settings of the projection service."""

    projection: ProjectionSection = Field(
        default=ProjectionSection(), description="The projection."
    )
