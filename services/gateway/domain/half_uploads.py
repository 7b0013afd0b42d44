"""Uploads that are continued where they broke off, by the words of tus 1.0.0."""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ALGORITHMS: Mapping[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
"""By what a piece may be checked: the protocol asks for sha1."""
ID = re.compile(r"[0-9a-f]{20}")
_KEY = re.compile(r"[!-+\--~]+")


@dataclass(frozen=True, slots=True)
class UploadKey:
    """Which upload is meant: only who began it can name it."""

    collection: str
    by: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfUpload:
    """What is known of an upload beside its bytes."""

    id: str
    """Also that of the job that has it read."""
    collection: str
    by: str
    filename: str
    media_type: str
    metadata: str
    """As it was given."""
    options: str
    """What is said of the file, JSON."""
    length: int
    """Bytes of the whole file."""
    unsure_from: int | None = None
    """Where a piece began that is yet to be checked: nothing from there on counts."""
    taken: str | None = None
    """What became of the file, JSON, once all bytes have come; they are let go then."""

    @property
    def key(self) -> UploadKey:
        """By what it is found."""
        return UploadKey(self.collection, self.by, self.id)


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """An upload, and how far it is."""

    facts: HalfUpload
    offset: int
    """Bytes that have come, and stay."""
    expires_at: datetime
    """When it is removed if nothing comes before."""

    @property
    def is_open(self) -> bool:
        """Whether nothing is known yet of what became of the file."""
        return self.facts.taken is None


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a piece must hash to."""

    algorithm: str
    digest: bytes

    def hasher(self) -> Any:
        """Begin to hash."""
        return ALGORITHMS[self.algorithm]()


def parse_checksum(given: str) -> Checksum:
    """Read ``sha256 BASE64``.

    Raises:
        ValueError: It is something else; says what it may be.
    """
    algorithm, _, digest = given.partition(" ")
    if algorithm not in ALGORITHMS:
        raise ValueError(f"Upload-Checksum may be by {', '.join(ALGORITHMS)}: NAME BASE64")
    try:
        return Checksum(algorithm, b64decode(digest.strip(), validate=True))
    except ValueError as error:
        raise ValueError(f"the hash in Upload-Checksum is no base64: {error}") from error


def parse_metadata(given: str) -> dict[str, bytes]:
    """Read ``key BASE64,other BASE64,flag``.

    Raises:
        ValueError: It is something else.
    """
    found: dict[str, bytes] = {}
    for pair in given.split(",") if given.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key):
            raise ValueError(f"Upload-Metadata: {key[:100]!r} is no key")
        if key in found:
            raise ValueError(f"Upload-Metadata: the key {key[:100]!r} is there twice")
        try:
            found[key] = b64decode(value.strip(), validate=True)
        except ValueError as error:
            raise ValueError(
                f"Upload-Metadata: the value of {key[:100]!r} is no base64: {error}"
            ) from error
    return found


def text_of(metadata: Mapping[str, bytes], key: str) -> str:
    """Return a value as text; empty if there is none.

    Raises:
        ValueError: It is no UTF-8.
    """
    try:
        return metadata.get(key, b"").decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"Upload-Metadata: the value of {key!r} is no UTF-8") from error


def said_of(metadata: Mapping[str, bytes], key: str) -> Any:
    """Return a value that is JSON, or else a word; a key without one says yes.

    Raises:
        ValueError: It is no UTF-8.
    """
    text = text_of(metadata, key)
    if not text:
        return True
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
