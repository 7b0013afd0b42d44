"""What the disk refuses for good is told from what passes; Lance says so in its text only."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from services.writing.adapters.durable_files import disk_errors
from services.writing.adapters.lance_layout import lance_errors
from services.writing.ports import DiskFullError
from shared.errors import TransientError, Unfit
from tests import refusing

WRITE = """
import sys
import lance, pyarrow as pa
from services.writing.adapters.lance_layout import lance_errors
from shared.errors import Unfit
try:
    with lance_errors():
        lance.write_dataset(pa.table({"a": [1]}), sys.argv[1])
except Unfit as error:
    print(error)
"""


@pytest.mark.skipif(not refusing.is_possible(), reason="no filter for calls here")
@pytest.mark.parametrize("reason", ["EPERM", "EOPNOTSUPP", "ENOSYS"])
def test_a_commit_without_hard_links_is_refused_for_good(reason: str, tmp_path: Path) -> None:
    """With the real Lance: its text may change with its version."""
    command = [sys.executable, "-c", WRITE, str(tmp_path / "store.lance")]

    done = subprocess.run(
        refusing.command([f"linkat={reason}"], command), capture_output=True, text=True, check=True
    )

    assert "the file system refuses: " in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EPERM, Unfit),
        (errno.EROFS, Unfit),
        (errno.EACCES, Unfit),
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EIO, TransientError),
        (errno.ESTALE, TransientError),
        (errno.EMFILE, TransientError),
    ],
)
def test_each_kind_of_refusal_is_told_from_the_others(code: int, kind: type[Exception]) -> None:
    with pytest.raises(kind) as told, disk_errors("a file"):
        raise OSError(code, "refused")
    with pytest.raises(kind) as by_lance, lance_errors():
        raise OSError(f"LanceError(IO): refused (os error {code}), place")

    assert type(told.value) is type(by_lance.value) is kind
