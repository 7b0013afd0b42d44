"""Removes the folder of a deleted collection: what this program wrote, and nothing else."""

import json
import shutil
from pathlib import Path

import structlog

from services.writing.adapters.durable_files import TEMPORARY, disk_errors, sync
from services.writing.adapters.json_history import HISTORY
from services.writing.adapters.json_identity import IDENTITY, OURS
from services.writing.adapters.sqlite_staging import FILENAME as STAGING
from shared.errors import ConfigurationError
from shared.failpoints import Failpoint, reached
from shared.locking import LOCK

WRITTEN = (*OURS, HISTORY, STAGING, f"{STAGING}-wal", f"{STAGING}-shm", f"{STAGING}-journal")
log = structlog.get_logger(__name__)


def remove_folder(folder: Path, collection: str) -> None:
    """Remove a folder that is owned, or what an earlier try has left of it.

    What says whose folder it is goes last, so that after a kill it is still known. Files of
    somebody else stay, and the folder with them.

    Raises:
        ConfigurationError: It is no folder of this collection.
        TransientError: The disk refuses.
    """
    with disk_errors(f"removing {folder}"):
        if not folder.exists():
            return
        _require_ours(folder, collection)
        for name in WRITTEN:
            _remove(folder / name)
            reached(Failpoint.FILES_REMOVED)
        for part in folder.glob(f"{TEMPORARY}*"):
            _remove(part)
        for name in (IDENTITY, LOCK):
            _remove(folder / name)
        if others := sorted(one.name for one in folder.iterdir()):
            log.warning("folder.kept", folder=str(folder), others=others[:10])
            return
        folder.rmdir()
        sync(folder.parent)


def _require_ours(folder: Path, collection: str) -> None:
    """Check whose folder it is; one without anything of ours is as good as removed.

    Raises:
        ConfigurationError: It is another's.
    """
    file = folder / IDENTITY
    if not file.exists():
        if found := [name for name in OURS if (folder / name).exists()]:
            raise ConfigurationError(
                f"{folder} has {', '.join(found)}, but no {IDENTITY}, so it may be somebody "
                "else's and is not removed; move it away, or remove it yourself"
            )
        return
    try:
        told = json.loads(file.read_text())
        is_ours = (told["service"], told["collection"]) == ("writing", collection)
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise ConfigurationError(
            f"{file} does not say that the folder is of collection '{collection}', so it is not "
            "removed; move it away, or remove it yourself"
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
