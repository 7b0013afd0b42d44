"""Which place of blobs the settings name."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from shared.blobs.errors import BlobsRefusedError, BlobsUnusableError
from shared.blobs.folder import FolderBlobs
from shared.blobs.object_blobs import ObjectBlobs
from shared.blobs.objects import Objects
from shared.blobs.ports import Blobs
from shared.blobs.settings import MIB, BlobsSection
from shared.errors import ConfigurationError, Unfit
from shared.preflight import Check

PROBE = "preflight"
"""The key of what a check writes and removes."""


def build_blobs(section: BlobsSection, state: Path, *, reads_again: bool = False) -> Blobs:
    """Wire where blobs are kept; nothing connects yet.

    Args:
        section: What the settings say.
        state: The folder of the services' state.
        reads_again: Whether what was read is to be kept here for a next time.

    Raises:
        ConfigurationError: It can be no such place.
    """
    folder = section.folder_in(state)
    if section.url is None:
        return FolderBlobs(folder)
    return ObjectBlobs(_objects(section), folder, section.cache_mb * MIB if reads_again else 0)


def blob_checks(section: BlobsSection) -> Iterator[Check]:
    """List what a store elsewhere must be good for; nothing of a folder.

    Raises:
        ConfigurationError: It can be no such place.
    """
    if section.url is not None:
        url, objects = section.url, _objects(section)
        yield Check(url, lambda: _try(url, objects))


def _objects(section: BlobsSection) -> Objects:
    # A library that takes 5 MB: only for those who have such a store.
    from shared.blobs.s3_objects import Bucket, S3Objects  # noqa: PLC0415

    name, _, prefix = (section.url or "").removeprefix("s3://").partition("/")
    bucket = Bucket(
        name=name,
        prefix=prefix.rstrip("/"),
        endpoint=section.s3_endpoint,
        region=section.s3_region,
        access_key_id=section.s3_access_key_id,
        secret_access_key=_revealed(section.s3_secret_access_key),
        session_token=_revealed(section.s3_session_token),
        most_bytes=section.max_file_bytes,
    )
    try:
        return S3Objects(bucket)
    except ValueError as error:
        raise ConfigurationError(f"blobs.url: {error}") from error


def _try(url: str, objects: Objects) -> str:
    try:
        next(objects.listed(PROBE), None)
        objects.put(PROBE, b"x")
        objects.delete(PROBE)
    except BlobsRefusedError as error:
        raise Unfit(
            url,
            found=str(error),
            needed="a bucket in which files may be listed, written and removed",
            remedy="or leave out blobs.url: then files are kept in a folder",
        ) from error
    except BlobsUnusableError as error:
        return f"fails now ({error}); that is waited for"
    return "can be listed and written"


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
