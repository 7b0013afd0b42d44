"""The settings of writing."""

from pathlib import Path

from pydantic import Field

from shared.settings import Section, ServiceSettings


class OutputSection(Section):
    """Where the dataset lies, and how it is kept."""

    folder: Path = Field(
        default=Path("mapstream-out"),
        description="Folder with one folder per collection: the dataset and its public files.",
    )
    embeddings: bool = Field(
        default=True, description="Whether embeddings.parquet is published beside logs.parquet."
    )
    snapshot_share: float = Field(
        default=0.1, gt=0, le=1,
        description="The largest share of the time spent on writing the public files.",
    )  # fmt: skip
    snapshot_quiet: float = Field(
        default=1.0, ge=0,
        description="When nothing was on its way for so many times as long as writing them takes, "
        "they are written whatever the share; 0 in a run with --once.",
    )  # fmt: skip
    snapshot_min_interval_s: float = Field(
        default=0.5, ge=0, description="The shortest pause between two writings of them, seconds."
    )
    compact_every: int = Field(
        default=16, ge=1, description="Commits between two looks for small fragments to join."
    )
    keep_versions_s: float = Field(
        default=600.0, ge=0,
        description="How long a replaced version of the dataset can still be read, seconds.",
    )  # fmt: skip
    keep_models: int = Field(
        default=100, ge=10, description="How many models are kept in the folder models."
    )
    micro_batch_max: int = Field(default=64, ge=1, description="The most batches in one commit.")
    micro_batch_wait_s: float = Field(
        default=0.05, ge=0,
        description="How long a commit waits for more batches to come, seconds.",
    )  # fmt: skip


class Settings(ServiceSettings):
    """What writing reads."""

    output: OutputSection = Field(default=OutputSection(), description="The dataset.")
