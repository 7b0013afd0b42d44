"""Manifests: lists of sources, and what follows when one is applied.

Who is listed is known by name, whatever its case. What is listed no longer is marked, and no
longer fetched; nothing is ever deleted for it.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from services.discovery.domain.preferences import Chosen
from services.discovery.domain.schedules import HOUR, Grid
from services.discovery.domain.sources import folded

Outcome = Literal["added", "changed", "asked", "busy", "not due", "inactive", "unlisted", "bad"]
FETCHING: tuple[Outcome, ...] = ("added", "changed", "asked")
UNLISTED = "it is not listed any more: it is not fetched, and what is on the map stays"
INACTIVE = "its row says that it is not active: it is not fetched, and what is on the map stays"
SUFFIXES = {
    "csv": ".csv", "tsv": ".tsv", "excel": ".xlsx", "xlsx": ".xlsx", "xls": ".xls",
    "google_sheets": ".xlsx", "ods": ".ods", "parquet": ".parquet", "jsonl": ".jsonl",
    "json": ".json", "text": ".txt", "markdown": ".md",
}  # fmt: skip
LONGEST_NAME = 180
"""Bytes, so that there is room for what it is, and for a number."""
SLACK = HOUR / 12
"""A slot that comes so much too early by a clock that was put right is not too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Grid):
    """A list of sources that is applied again and again."""

    id: str
    collection: str
    name: str
    """What it is called in its collection; of a URL that nobody named, the URL."""
    url: str | None = None
    """Where it lies; none: it was handed in."""
    content: str | None = None
    """What was handed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A source, as a list has it."""

    number: int
    """Of its row, from 1."""
    name: str
    url: str
    format: str | None = None
    is_active: bool = True
    every_hours: int | None = None
    """It is fetched no more often than so; none: whenever the list is applied."""
    chosen: Chosen = field(default_factory=Chosen)
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEntry:
    """A row of a list that is no source."""

    number: int
    name: str
    """Nothing if it has none."""
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says."""

    entries: Sequence[Entry]
    bad: Sequence[BadEntry] = ()
    ignored: Sequence[str] = ()
    """Columns that mean nothing here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is known of one that is, or was, listed."""

    key: str
    number: int
    name: str
    url: str | None
    filename: str | None
    outcome: Outcome
    reason: str | None = None
    job_id: str | None = None
    """Of the last job that fetched it."""
    asked_at: datetime | None = None
    """When that was queued."""
    every_hours: int | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one."""

    item: Item
    fetches: Entry | None = None
    """It is to be fetched."""
    moved_from: str | None = None
    """It lay there before: what is there of it becomes another version."""


def key_of(name: str) -> str:
    """Return by what one is known: its name, whatever its case and spaces."""
    return " ".join(folded(name).split())


def filename_of(entry: Entry) -> str:
    """Return what the file of one is called: its name, and what it is if that does not say it."""
    plain = re.sub(r"[/\\]", "-", unicodedata.normalize("NFC", entry.name)).strip()
    known = set(SUFFIXES.values())
    if PurePosixPath(plain).suffix.lower() in known:
        return plain
    of_url = PurePosixPath(unquote(urlsplit(entry.url).path, errors="replace")).suffix.lower()
    suffix = SUFFIXES.get(entry.format or "", of_url if of_url in known else "")
    return plain.encode()[:LONGEST_NAME].decode(errors="ignore").strip() + suffix


def plan(listing: Listing, known: Mapping[str, Item], now: datetime) -> list[Step]:
    """Say what is to be done with each that is listed, or was."""
    steps = dict[str, Step]()
    for entry in listing.entries:
        key = key_of(entry.name)
        steps[key] = _step(key, entry, known.get(key), now)
    for bad in listing.bad:
        key = key_of(bad.name)
        if not key or key in steps:
            key = f"\0{bad.number}"
        before = known.get(key)
        item = Item(
            key=key, number=bad.number, name=bad.name, url=None, filename=None, outcome="bad",
            reason=bad.reason,
        )  # fmt: skip
        if before is not None and before.filename is not None:  # it is known from better days
            item = replace(before, number=bad.number, outcome="bad", reason=bad.reason)
        steps[key] = Step(item)
    for key, before in known.items():
        if key not in steps and before.filename is not None:
            steps[key] = Step(replace(before, number=0, outcome="unlisted", reason=UNLISTED))
    return list(steps.values())


def _step(key: str, entry: Entry, before: Item | None, now: datetime) -> Step:
    item = Item(
        key=key,
        number=entry.number,
        name=entry.name,
        url=entry.url,
        filename=(before.filename if before else None) or filename_of(entry),
        outcome="asked",
        job_id=before.job_id if before else None,
        asked_at=before.asked_at if before else None,
        every_hours=entry.every_hours,
        notes=entry.notes,
    )
    if not entry.is_active:
        return Step(replace(item, outcome="inactive", reason=INACTIVE))
    if before is None or before.asked_at is None:
        return Step(replace(item, outcome="added"), entry)
    if before.url != entry.url:
        return Step(replace(item, outcome="changed"), entry, before.url)
    if entry.every_hours and now - before.asked_at < entry.every_hours * HOUR - SLACK:
        return Step(replace(item, outcome="not due"))
    return Step(item, entry)
