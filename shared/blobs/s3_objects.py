"""Objects of S3, and of what speaks like it, by obstore."""

import mmap
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from shared.blobs.errors import BlobsRefusedError, BlobsUnusableError
from shared.blobs.objects import Listed

if TYPE_CHECKING:  # of its stubs alone
    from obstore.store import ClientConfig, RetryConfig, S3Config

CONNECT = timedelta(seconds=5)
ANSWER = timedelta(seconds=15)
"""For whatever is small."""
SLOWEST_BYTES_S = 1 << 18
"""A blob may come and go this slowly."""
PIECE_BYTES = 1 << 20
RETRY: "RetryConfig" = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {
        "init_backoff": timedelta(milliseconds=200),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}
NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName"})
REFUSED = frozenset({"400", "401", "403", "301", "307"})
"""Statuses that stay the same until somebody changes a setting, or the rights."""
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_WHY = re.compile(r"(?:HTTP error|source): ([^\n]{1,200})")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where the objects are, and what lets us in; what is not given is of the environment."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    most_bytes: int = 1 << 29
    """The largest object."""

    @property
    def url(self) -> str:
        """What the settings call it."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


class S3Objects:
    """The objects below a prefix of a bucket."""

    def __init__(self, bucket: Bucket, answer: timedelta = ANSWER) -> None:
        """Take where they are, and how long whatever is small may take; nothing connects yet.

        Raises:
            ValueError: It is no bucket, or no address.
        """
        self._bucket = bucket
        whole = answer + timedelta(seconds=bucket.most_bytes / SLOWEST_BYTES_S)
        try:
            self._small, self._large = (_store(bucket, one) for one in (answer, whole))
        except BaseError as error:
            raise ValueError(str(error).split("\n", 1)[0]) from error

    def put(self, key: str, content: bytes) -> None:
        """See Objects."""
        with self._explained():
            self._small.put(key, content, use_multipart=False)

    def put_file(self, key: str, path: Path) -> None:
        """See Objects; by one request, as parts would stay if somebody was killed between them."""
        if not path.stat().st_size:
            self.put(key, b"")
            return
        with path.open("rb") as file:
            # Not closed by us: of a request that was given up something may be left for a moment.
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with self._explained():
            self._large.put(key, content, use_multipart=False)

    def get(self, key: str) -> bytes | None:
        """See Objects."""
        return self._there(lambda: bytes(self._small.get(key).bytes()))

    def size(self, key: str) -> int | None:
        """See Objects."""
        return self._there(lambda: self._small.head(key)["size"])

    def pieces(self, key: str) -> Iterator[bytes]:
        """See Objects."""
        found = self._there(lambda: self._large.get(key))
        if found is None:
            return
        with self._explained():
            for piece in found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    def listed(self, folder: str = "") -> Iterator[Listed]:
        """See Objects."""
        with self._explained():
            for page in self._small.list(folder or None):
                for one in page:
                    yield Listed(one["path"], one["last_modified"])

    def delete(self, key: str) -> None:
        """See Objects."""
        self._there(lambda: self._small.delete(key))

    def url(self, key: str, lifetime: timedelta) -> str:
        """See Objects."""
        with self._explained():
            return obstore.sign(self._small, "GET", key, lifetime)

    def _there(self, ask: Callable[[], T]) -> T | None:
        with self._explained():
            try:
                return ask()
            except FileNotFoundError as error:
                if _found(_CODE, error) in NO_BUCKET:
                    raise
                return None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise self._because(error) from error

    def _because(self, error: Exception) -> BlobsUnusableError:
        url, code, status = self._bucket.url, _found(_CODE, error), _found(_STATUS, error)
        at = f" at {self._bucket.endpoint}" if self._bucket.endpoint else ""
        if code in NO_BUCKET:
            return BlobsRefusedError(
                f"there is no bucket '{self._bucket.name}'{at}: make it, or see that blobs.url "
                "and blobs.s3_endpoint are right"
            )
        if status in REFUSED:
            return BlobsRefusedError(
                f"{url}{at} lets us not in ({code or status}): see that blobs.s3_access_key_id, "
                "blobs.s3_secret_access_key and blobs.s3_region are right, and that this key may "
                "list, read, write and delete there"
            )
        why = code or status or _found(_WHY, error) or type(error).__name__
        return BlobsUnusableError(
            f"{url}{at} does not answer ({why}): see that blobs.s3_endpoint is right, and that "
            "the store is up; nothing is lost meanwhile"
        )


def _store(bucket: Bucket, timeout: timedelta) -> S3Store:
    client: ClientConfig = {"timeout": timeout, "connect_timeout": CONNECT}
    given: S3Config = {"disable_bulk_delete": True}
    if bucket.endpoint is not None:
        client["allow_http"] = bucket.endpoint.startswith("http://")
        given["endpoint"] = bucket.endpoint
    if bucket.region is not None:
        given["region"] = bucket.region
    if bucket.access_key_id is not None:
        given["access_key_id"] = bucket.access_key_id
    if bucket.secret_access_key is not None:
        given["secret_access_key"] = bucket.secret_access_key
    if bucket.session_token is not None:
        given["session_token"] = bucket.session_token
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config=given,
        client_options=client,
        retry_config=RETRY,
    )


def _found(pattern: re.Pattern[str], error: Exception) -> str:
    match = pattern.search(str(error))
    return match[1] if match else ""
