"""What discovery reads from the configuration."""

from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from services.discovery.domain.completeness import CompleteWhen, Completion
from shared.blobs.settings import BlobsSection
from shared.contracts.base import DEFAULT_COLLECTION, Collection
from shared.settings import DEFAULT_GLOB, RetentionSection, Section, ServiceSettings

Sidecar = Annotated[str, Field(pattern=r"^[^/\x00]+$")]
"""The end of a file's name."""


class SourceSection(Section):
    """A folder or file to read."""

    path: Path = Field(description="The folder, or a single file; ~ is the home folder.")
    glob: str = Field(
        default=DEFAULT_GLOB,
        description="Which files below the folder; ** stands for any folders, links to folders "
        "are not followed by it.",
    )
    collection: Collection = Field(
        default=DEFAULT_COLLECTION, description="The map that the records belong to."
    )
    links_may_leave: bool = Field(
        default=False,
        description="Whether to read files outside the folder to which a link in it leads.",
    )

    format: Literal["agent_runs", "jsonl", "files"] = Field(
        default="agent_runs",
        description="What the files are. agent_runs: logs of agents; jsonl: a JSON object a line, "
        "with a text in text_field (timestamp, iteration and type mean what they mean in a log, "
        "other fields become attributes; complete_when: any_line will mostly be right); files: "
        "what each file holds tells, be it a log of an agent, a table or a text (docs/reading.md; "
        "glob says which files). What was read to its end stays as it is when this changes.",
    )
    text_field: str = Field(
        default="text", min_length=1, description="With format: jsonl, the field with the text."
    )
    text_columns: tuple[str, ...] = Field(
        default=(),
        description="With format: files, the columns of tables that make the text of a record, "
        "the others are its attributes; none: all are both.",
    )
    complete_when: CompleteWhen | None = Field(
        default=None, description="As ingestion.complete_when, for this source."
    )
    unchanged_minutes: float | None = Field(
        default=None, gt=0, description="As ingestion.unchanged_minutes, for this source."
    )
    sidecar: Sidecar | None = Field(
        default=None, description="As ingestion.sidecar, for this source."
    )

    @field_validator("path")
    @classmethod
    def expand_home(cls, path: Path) -> Path:
        """Replace ~ by the home folder."""
        return path.expanduser()

    @field_validator("glob")
    @classmethod
    def require_relative(cls, glob: str) -> str:
        """Refuse patterns that can match nothing, or something outside the folder."""
        pattern = PurePosixPath(glob)
        if pattern.is_absolute() or not pattern.parts or ".." in pattern.parts:
            raise ValueError(f"must be a pattern below the folder, such as {DEFAULT_GLOB}")
        return glob


class TriggerSection(Section):
    """When to look for sources."""

    mode: Literal["watch", "poll"] = Field(
        default="watch",
        description="watch: as soon as the operating system tells of a change; poll: every "
        "poll_interval_s, for file systems that do not tell (network drives).",
    )
    poll_interval_s: float = Field(
        default=10, gt=0, description="With poll: seconds between two looks."
    )
    debounce_s: float = Field(
        default=2, gt=0, description="With watch: a burst of changes is one after this time."
    )
    rescan_interval_s: float = Field(
        default=60, gt=0, description="With watch: seconds between two looks at everything."
    )


class IngestionSection(Section):
    """Where records come from."""

    sources: tuple[SourceSection, ...] = Field(
        default=(), description="The folders and files to read."
    )
    allowed_roots: tuple[Path, ...] | None = Field(
        default=None,
        description="Below which folders the folders of a collection may lie that is made by "
        "command; if not given, below those of the sources here: a command reads nothing that the "
        "configuration does not let it.",
    )
    trigger: TriggerSection = Field(default=TriggerSection(), description="When to look.")
    rest_after_s: float = Field(
        default=30,
        ge=0,
        description="So long a collection that was made by command, and has nothing on its way, "
        "keeps what the bus and the services have for it; after that it is a row in the ledger.",
    )
    busy_collections: int = Field(
        default=200,
        ge=1,
        description="So many of those have something on their way at a time; what is new in the "
        "others waits for its turn. Commands do not wait.",
    )
    complete_when: CompleteWhen = Field(
        default="final_answer",
        description="When a file is read. final_answer: its last line is an object with a "
        "final_answer; any_line: its last line is a whole object (what is appended is read when "
        "it comes); unchanged: it has been left alone for unchanged_minutes; sidecar: a file with "
        "the ending of 'sidecar' lies beside it.",
    )
    unchanged_minutes: float = Field(
        default=10,
        gt=0,
        description="With complete_when: unchanged, how long a file must have been left alone; "
        "data, name, owner and permissions count.",
    )
    sidecar: Sidecar = Field(
        default=".done",
        description="With complete_when: sidecar, what the file beside a source has more in its "
        "name: run.jsonl is read when run.jsonl.done is there.",
    )
    max_line_bytes: int = Field(
        default=64 << 20,
        ge=1 << 10,
        description="A longer line is dead-lettered instead of being held in memory. A file goes "
        "on with the limit that it was begun with, until its content is another one.",
    )
    when_gone: Literal["keep", "forget"] = Field(
        default="keep",
        description="What becomes of the records of a source that is not there any more: keep: "
        "they stay on the map; forget: they are taken off, unless nothing at all is left of its "
        "folder, as when a drive is not mounted.",
    )
    max_dead_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A new version of a source, of whose records and lines a larger share are "
        "dead letters, does not replace the version that is on the map: it is held back until "
        "letters are sent again or given up, or the source is another one. 1: never. A version "
        "goes on with the share that it was begun with.",
    )
    deep_check_hours: float = Field(
        default=168,
        ge=0,
        description="A file's content is compared again after so many hours, even if size, times "
        "and inode are what they were; 0: never.",
    )
    deep_check_at_start: bool = Field(
        default=False,
        description="Whether every file's content is compared once when discovery starts; "
        "mapstream run --deep-check.",
    )
    stalled_after_s: float = Field(
        default=300,
        gt=0,
        description="A source is reported as stalled, with the stage that holds it, when its "
        "numbers and those of the sources before it have not changed for so many seconds.",
    )

    def completion_of(self, source: SourceSection) -> Completion:
        """Return when the files of a source are complete."""
        minutes = source.unchanged_minutes or self.unchanged_minutes
        return Completion(
            source.complete_when or self.complete_when,
            timedelta(minutes=minutes),
            source.sidecar or self.sidecar,
        )


class OutputView(Section):
    """What discovery needs to know of section ``output``: what is in it is never a source."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folder: Path = Field(
        default=Path("mapstream-out"),
        description="Folder with one folder per collection: the dataset and its public files.",
    )


class Settings(ServiceSettings):
    """What the discovery process reads."""

    ingestion: IngestionSection = Field(
        default=IngestionSection(), description="Where records come from."
    )
    output: OutputView = Field(default=OutputView(), description="The dataset.")
    blobs: BlobsSection = Field(default=BlobsSection(), description="Uploaded files.")
    retention: RetentionSection = Field(
        default=RetentionSection(), description="How long what is kept."
    )

    @property
    def recheck_after(self) -> timedelta | None:
        """After how long a content is compared again; None: never."""
        hours = self.ingestion.deep_check_hours
        return timedelta(hours=hours) if hours else None

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        """Below which folders those may lie that a command names."""
        section = self.ingestion
        if section.allowed_roots is not None:
            return tuple(one.expanduser() for one in section.allowed_roots)
        return tuple(one.path for one in section.sources)

    @property
    def own_folders(self) -> tuple[Path, ...]:
        """Where only the program writes."""
        maps = (self.output.folder / name for name in self.collections)
        return self.state.folder, self.blobs.folder_in(self.state.folder), *maps

    @model_validator(mode="after")
    def require_served(self) -> Self:
        """Refuse sources of a collection that nobody serves."""
        for source in self.ingestion.sources:
            if source.collection not in self.collections:
                served = ", ".join(self.collections)
                raise ValueError(
                    f"ingestion.sources: {source.path} is for collection '{source.collection}', "
                    f"but 'collections' has only {served}"
                )
        return self
