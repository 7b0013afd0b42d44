"""Places where a test may end the process: between two steps that only a crash can part.

In production this does nothing. A process that was started with ``MAPSTREAM_FAILPOINTS=<folder>``
ends itself with SIGKILL when it reaches a point for which a file of that name lies in the folder,
after removing the file: so a point is cut once for each time that it was armed. ``FAILPOINTS`` in
``tests/chaos/plan.py`` lists who reaches which; the harness arms each of them, an end-to-end test
those of ``ELSEWHERE``.
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
    MOVING = "after-ledger-before-moving"
    """Discovery: the ledger says that a source has another name, the bus does not."""
    SUBMITTED = "after-jobs-before-answer"
    """Discovery: jobs are queued, cancelled or retried as a command asked, nobody was told."""
    FORGETTING = "after-ledger-before-forgetting"
    """Discovery: a job has its source forgotten by the ledger, the bus does not know."""
    PLACED = "after-place-before-look"
    """Discovery: another file is what is read of a source, nobody has looked at it."""
    LET_GO = "after-ledger-before-bytes-go"
    """Discovery: nobody asks for the bytes of a file any more, and they are there."""
    ADMITTED = "after-ledger-before-courier-knows"
    """Discovery: the ledger has what was fetched as a source, the courier was not told so."""
    FETCHED = "after-bytes-before-blob"
    """Courier: all bytes of a file are there, they are not kept."""
    KEPT = "after-blob-before-delivery"
    """Courier: a file is kept, discovery knows nothing of it."""
    DELIVERED = "after-delivery"
    """Courier: discovery has what was fetched, and it is still in hand."""
    HANDED_OVER = "after-analysis-began-before-noted"
    """Courier: an analysis service has a file, discovery does not know what it calls it."""
    ANALYSIS_NOTED = "after-analysis-noted"
    """Courier: discovery knows how far an analysis is, the courier goes on with it."""
    DISCARDING = "after-ledger-before-discarding"
    """Discovery: a job was cancelled, and what came of its version still waits to be shown."""
    JOBS_TOLD = "after-news-of-jobs"
    """Discovery: anybody may know what has changed of jobs, and is going to be told again."""
    SETTLED = "after-ledger-before-ack"
    """Discovery: the ledger knows what was committed, nobody was told, nothing is acked."""
    RECORDED = "after-record-before-answer"
    """Discovery: a new collection is recorded, who asked for it was not told."""
    WOKEN = "after-row-before-consumers"
    """Discovery: a collection rests no more, its consumers are not made."""
    DECLARED = "after-consumers-before-told"
    """Discovery: the consumers of a collection are made, nobody was told to work on it."""
    EMPTIED = "after-work-before-consumers-go"
    """Discovery: a collection is worked on no more, and still has its consumers."""
    GOING = "while-consumers-go"
    """Discovery: some consumers of a collection are gone."""
    REMOVED = "after-consumers-before-row"
    """Discovery: the consumers of a collection are gone, the ledger does not say that it rests."""
    RESTED = "after-rest"
    """Discovery: a collection rests, what was kept of its work is still in memory."""
    MARKED = "after-mark-before-leaving"
    """Discovery: a collection is noted as being deleted, all work on it."""
    ABANDONED = "after-stages-before-consumers"
    """Discovery: no stage keeps anything of a collection, its consumers are there."""
    UNREAD = "after-consumers-before-purge"
    """Discovery: a collection has no consumers, but messages."""
    PURGED = "after-purge-before-rows"
    """Discovery: a collection has no messages, but all its rows in the ledger."""
    ROWS_REMOVED = "in-removal-of-rows"
    """Discovery: some of the ledger's rows of a collection are removed."""
    UNKNOWN = "after-rows-before-tombstone"
    """Discovery: the ledger has only the record of a collection that is being deleted."""
    BURIED = "after-tombstone-before-answer"
    """Discovery: a collection is deleted, who asked for it was not told."""
    STATE_REMOVED = "in-removal-of-state"
    """Projection: a part of what is counted of a deleted collection is removed."""
    FILES_REMOVED = "in-removal-of-files"
    """Writing: the table of a deleted collection is removed, the folder is not."""
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
    OWNED = "after-owning-before-opening"
    """Projection, writing: a collection is owned, nothing of it is opened yet."""
    MENDED = "after-a-step-of-a-repair"
    """``mapstream verify --repair``: an owner has mended something, others have not."""


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
