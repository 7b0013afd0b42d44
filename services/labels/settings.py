"""What the labels read from the configuration."""

from pathlib import Path

from pydantic import ConfigDict, Field

from shared.settings import Section, ServiceSettings


class LabelsSection(Section):
    """The names of regions of the map, and what finding them may cost."""

    share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="The largest share of the time spent on finding regions, of all collections "
        "together; a look at 50,000 records takes 5 s of a core. 0: regions get no labels.",
    )
    memory_mb: int = Field(
        default=2048,
        ge=512,
        description="What the process that finds them may address, MiB. It takes some 400 at "
        "most, and ends when it has found them.",
    )
    patience_s: float = Field(
        default=300.0, gt=0, description="It is ended after so long, and tried again later."
    )


class OutputPlace(Section):
    """What the labels need to know of section ``output``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folder: Path = Field(
        default=Path("mapstream-out"),
        description="Folder with one folder per collection: the dataset and its public files.",
    )


class Settings(ServiceSettings):
    """What the labels read."""

    labels: LabelsSection = Field(default=LabelsSection(), description="Labels of regions.")
    output: OutputPlace = Field(default=OutputPlace(), description="The dataset.")
