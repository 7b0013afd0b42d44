"""Places where a test may end the process: between two steps that only a crash can part.

In production this does nothing. A process that was started with ``MAPSTREAM_FAILPOINTS=<folder>``
ends itself with SIGKILL when it reaches a point for which a file of that name lies in the folder,
after removing the file: so a point is cut once for each time that it was armed. ``FAILPOINTS`` in
``tests/chaos/plan.py`` lists who reaches which; the harness arms each of them.
"""

import os
import signal
from enum import StrEnum
from pathlib import Path

from shared.environment import ENVIRONMENT

VARIABLE = "MAPSTREAM_FAILPOINTS"


class Failpoint(StrEnum):
    """What has been done when the process ends there, and what has not."""

    PUBLISHED = "after-publish-before-ack"
    """Any stage: the results of a message are on the bus, the message is not acked."""
    NOTED = "after-ledger-before-send"
    """Discovery: the ledger counts a batch as in flight, the bus does not have it."""
    SHOWING = "after-ledger-before-showing"
    """Discovery: the ledger says that a version is to be shown or put aside, the bus does not."""
    SETTLED = "after-ledger-before-ack"
    """Discovery: the ledger knows what was committed, nobody was told, nothing is acked."""
    RECORDED = "after-record-before-consumers"
    """Discovery: a new collection is recorded, its consumers are not made."""
    DECLARED = "after-consumers-before-answer"
    """Discovery: the consumers of a new collection are made, who asked for it was not told."""
    FOLDED = "in-checkpoint-of-a-square"
    """Projection: the new square is written, what is folded into it stands beside it, nothing is
    committed."""
    CHECKPOINTED = "after-checkpoint-before-ack"
    """Projection: the checkpoint is stored, nothing of it is published or acked."""
    RESOLVED = "after-resolution-before-ack"
    """Projection: the moments are those of what was told to be stored; that is not acked."""
    MODEL_PUBLISHED = "after-model-publish-before-event"
    """Projection: the writers have the new model, the public does not."""
    RETRACTED = "after-retraction-before-commit"
    """Writing: what leaves the dataset is on the bus, the dataset is as before."""
    COMMITTED = "after-commit-before-ack"
    """Writing: the dataset holds the batches, nobody was told, nothing is acked."""
    STAGED = "after-staging-before-ack"
    """Writing: batches wait for their version to be shown, nobody was told, nothing is acked."""
    TOLD = "after-committed-before-settled"
    """Writing: anybody may know what is stored, but not yet the stages that keep count of it."""
    MODEL_KEPT = "after-model-before-reprojection"
    """Writing: the new model is kept, the stored points have the coordinates of the old one."""
    REPROJECTED = "in-reprojection"
    """Writing: the new coordinates are on disk, but not committed."""
    IN_SNAPSHOT = "in-snapshot"
    """Writing: a part of a public file is written beside the old one."""
    BEFORE_RENAME = "before-rename"
    """Writing: a file is written and flushed, but is not in its place yet."""
    BETWEEN_RENAMES = "between-renames"
    """Writing: one public file is replaced, the other one is not."""
    FILES_PUBLISHED = "after-files-before-told"
    """Writing: the public files are replaced, nobody was told."""


def _folder() -> Path | None:
    name = ENVIRONMENT.get(VARIABLE)
    return Path(name) if name else None


_armed_in = _folder()


def reached(point: Failpoint) -> None:
    """End the process with SIGKILL if a test has armed this point."""
    if _armed_in is not None:
        _cut_if_armed(_armed_in / point)


def _cut_if_armed(file: Path) -> None:
    try:
        file.unlink()
    except FileNotFoundError:
        return
    os.write(2, f'{{"event": "failpoint.reached", "point": "{file.name}"}}\n'.encode())
    os.kill(os.getpid(), signal.SIGKILL)
