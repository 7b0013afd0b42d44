"""The folders that are read, wired: which format their files have, and when to look at them."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_named_roots import NamedRoots
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.json_lines_format import (
    JsonLinesFormat,
    agent_run_format,
    text_format,
)
from services.discovery.adapters.poll_trigger import PollTrigger
from services.discovery.adapters.reader_columns import ReaderColumns
from services.discovery.adapters.reader_format import UNTOLD, ReaderFormat
from services.discovery.adapters.thread_blob_keeper import ThreadBlobKeeper
from services.discovery.adapters.upload_repository import AllSources, UploadedSources
from services.discovery.adapters.watch_trigger import WatchTrigger
from services.discovery.domain.uploads import UploadedFile
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.uploads import KeptUploads, Uploads
from services.discovery.ports import SourceFormat, Trigger
from services.discovery.ports.space import SpaceTeller
from services.discovery.settings import IngestionSection, Settings, SourceSection
from shared.blobs.choosing import build_blobs
from shared.blobs.ports import Blobs
from shared.clock import Clock
from shared.contracts.analysis import RECORDS_TYPE
from shared.contracts.collections import SourceFolder
from shared.readers.told import Told

RECORDS = Told(format="jsonl")
"""What an analysis service has made, whatever it looks like."""
log = structlog.get_logger(__name__)
FORMATS: dict[str, Callable[[SourceSection, IngestionSection], SourceFormat]] = {
    "agent_runs": lambda source, section: agent_run_format(
        section.max_line_bytes, section.completion_of(source).when
    ),
    "jsonl": lambda source, section: text_format(
        source.text_field, section.max_line_bytes, section.completion_of(source).when
    ),
    "files": lambda source, section: ReaderFormat(
        agent_run_format(section.max_line_bytes, section.completion_of(source).when),
        source.text_columns,
    ),
}
"""By the name that a source gives in the settings."""


def build_repository(settings: Settings) -> FolderSourceRepository:
    """Wire the folders that are read, each with the format that its files have."""
    section = settings.ingestion
    roots = [_root(one, section) for one in section.sources]
    return FolderSourceRepository(roots, own=settings.own_folders, output=settings.output.folder)


def build_options(settings: Settings, space: SpaceTeller) -> ScanOptions:
    """Say what a look goes by, whatever it looks at."""
    section = settings.ingestion
    return ScanOptions(
        recheck_after=settings.recheck_after,
        is_deep=section.deep_check_at_start,
        forgets_gone=section.when_gone == "forget",
        max_dead_share=section.max_dead_share,
        space=space,
    )


def build_sources(settings: Settings, folders: FolderSourceRepository) -> AllSources:
    """Wire what is read of folders and of what was uploaded, which is whole as it is."""
    section = settings.ingestion
    runs = agent_run_format(section.max_line_bytes, "unchanged")
    blobs = _blobs(settings)
    return AllSources(folders, UploadedSources(), blobs, partial(build_reader, runs))


def build_reader(runs: JsonLinesFormat, file: UploadedFile | None) -> SourceFormat:
    """Wire how an uploaded file is read; one that is there no more is read in any way."""
    if file is None:
        return ReaderFormat(runs)
    are_preferred = file.preferences is not None
    told = told_of(file.media_type)
    return ReaderFormat(
        runs, file.text_columns, file.context_columns, told, are_preferred=are_preferred
    )


def told_of(media_type: str) -> Told:
    """Say what is known of an uploaded or fetched file by its type."""
    return RECORDS if media_type == RECORDS_TYPE else UNTOLD


def build_uploads(
    settings: Settings, sources: AllSources, store: KeptUploads, clock: Clock
) -> Uploads:
    """Wire what becomes of the files that people hand in."""
    quota = settings.blobs.quota_bytes
    keeper = ThreadBlobKeeper(_blobs(settings))
    return Uploads(store, sources.uploads, keeper, clock, quota_bytes=quota)


def build_columns(settings: Settings) -> ReaderColumns:
    """Wire what looks for the columns of uploaded files."""
    return ReaderColumns(_blobs(settings))


def _blobs(settings: Settings) -> Blobs:
    return build_blobs(settings.blobs, settings.state.folder, reads_again=True)


def build_named(settings: Settings, repository: FolderSourceRepository) -> NamedRoots:
    """Wire what reads the folders that commands name, as the settings say of all sources."""
    allowed = settings.allowed_roots
    real = tuple(os.path.realpath(one) for one in allowed)

    def build(collection: str, folder: SourceFolder) -> Root:
        source = SourceSection(path=Path(folder.path), glob=folder.glob, collection=collection)
        return replace(_root(source, settings.ingestion), only_below=real)

    own = (settings.state.folder, settings.output.folder)
    return NamedRoots(repository, build, allowed=allowed, own=own)


def _root(source: SourceSection, section: IngestionSection) -> Root:
    return Root(
        source.path,
        source.glob,
        source.collection,
        source.links_may_leave,
        format=FORMATS[source.format](source, section),
        completion=section.completion_of(source),
    )


def build_trigger(section: IngestionSection, repository: FolderSourceRepository) -> Trigger:
    """Wire what says when to look."""
    trigger = section.trigger
    if trigger.mode == "poll":
        return PollTrigger(trigger.poll_interval_s)
    return WatchTrigger(
        lambda: repository.watched_paths,
        debounce_ms=round(trigger.debounce_s * 1000),
        rescan_interval_s=trigger.rescan_interval_s,
        on_degraded=_tell_unwatched,
    )


def _tell_unwatched(reason: str) -> None:
    if reason:
        log.warning("watch.degraded", reason=reason, remedy="full looks go on")
    else:
        log.info("watch.restored")
