"""Which place of blobs the settings name, and what they may say of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.blobs.choosing import blob_checks, build_blobs
from shared.blobs.folder import FolderBlobs
from shared.blobs.object_blobs import ObjectBlobs
from shared.blobs.settings import BlobsSection

SECRET = {"s3_access_key_id": "id", "s3_secret_access_key": "s"}  # pragma: allowlist secret


def test_without_a_bucket_it_is_a_folder_and_nothing_of_another_place_is_looked_at(
    tmp_path: Path,
) -> None:
    section = BlobsSection()
    blobs = build_blobs(section, tmp_path)

    assert isinstance(blobs, FolderBlobs)
    assert blobs.folder == tmp_path / "blobs"
    assert list(blob_checks(section)) == []


def test_with_a_bucket_it_is_that(tmp_path: Path) -> None:
    section = BlobsSection.model_validate({"url": "s3://bucket/prefix", **SECRET})

    assert isinstance(build_blobs(section, tmp_path), ObjectBlobs)
    assert [one.subject for one in blob_checks(section)] == ["s3://bucket/prefix"]


def test_who_keeps_files_in_a_folder_loads_nothing_for_object_stores() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from shared.blobs.choosing import build_blobs\n"
        "from shared.blobs.settings import BlobsSection\n"
        "build_blobs(BlobsSection(), Path('nowhere'))\n"
        "sys.exit('obstore' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    "given",
    [
        {"url": "bucket/prefix"},
        {"url": "s3://"},
        {"url": "s3://Bucket"},
        {"url": "s3://bucket/../x"},
        {"url": "s3://bucket//x"},
        {"url": "s3://id:secret@bucket"},  # pragma: allowlist secret
        {"s3_endpoint": "https://minio:9000"},
        {"url": "s3://bucket", "s3_endpoint": "minio:9000"},
        {"url": "s3://bucket", "s3_endpoint": "https://me:secret@x"},  # pragma: allowlist secret
        {"url": "s3://bucket", "s3_access_key_id": "id"},
        {"url": "s3://bucket", "s3_secret_access_key": "s"},  # pragma: allowlist secret
        SECRET,
    ],
)  # fmt: skip
def test_what_can_have_no_effect_or_is_no_place_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BlobsSection.model_validate(given)


def test_empty_variables_say_that_there_is_no_bucket() -> None:
    names = ("url", "s3_endpoint", "s3_region", *SECRET, "s3_session_token")

    assert BlobsSection.model_validate(dict.fromkeys(names, "")) == BlobsSection()
