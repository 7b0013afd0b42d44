"""Looks at the place where a service works: the disks of its folders, the ends of certificates."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from shared.observability import place_metrics as metrics
from shared.observability.certificates import expiry
from shared.observability.instruments import Reading


def disks(stage: str, folders: Mapping[str, Path]) -> Iterator[Reading]:
    """Tell the room on the disk of each folder; of one that cannot be looked at, nothing."""
    for name, folder in folders.items():
        with suppress(OSError):
            usage = shutil.disk_usage(_existing(folder))
            yield metrics.DISK_FREE.read(usage.free, stage=stage, folder=name)
            yield metrics.DISK_SIZE.read(usage.total, stage=stage, folder=name)


def certificates(stage: str, files: Mapping[str, Path | None]) -> Iterator[Reading]:
    """Tell when the certificate in each file ends; 0 if it cannot be read any more."""
    for name, file in files.items():
        if file is None:
            continue
        try:
            end = expiry(file)
        except (OSError, ValueError):
            end = 0.0
        yield metrics.CERTIFICATE_EXPIRY.read(end, stage=stage, certificate=name)


def _existing(folder: Path) -> Path:
    """Return the folder, or the one in which it will be."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())
