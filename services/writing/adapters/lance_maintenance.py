"""Keeps a Lance table quick: joins small fragments and forgets old versions."""

from datetime import timedelta

import lance
from lance.optimize import Compaction

from services.writing.adapters.lance_layout import (
    IO_BUFFER_BYTES,
    batch_rows,
    lance_errors,
    sync_fragments,
)
from services.writing.adapters.lance_table import LanceTable
from services.writing.domain.compaction import DELETED_SHARE, FragmentSize, Join, plan_join

MAX_JOINS = 4


def join_fragments(table: LanceTable) -> int:
    """Join small fragments where that is due; return how many compactions there were.

    Raises:
        DiskFullError: There is no room.
        TransientError: The table could not be read or written.
    """
    table.load()
    for done in range(MAX_JOINS):
        join = plan_join([_size(fragment) for fragment in table.fragments()])
        if join is None:
            return done
        table.commit_joined(lambda dataset, join=join: _join(table, dataset, join))
    return MAX_JOINS


def forget_versions(table: LanceTable, keep: timedelta, *, is_alone: bool = False) -> None:
    """Delete versions that are no longer to be kept.

    Args:
        table: The table.
        keep: How long a replaced version can still be read.
        is_alone: Nothing else is under way, so a file of no version is what a crash left.

    Raises:
        TransientError: The table could not be read or written.
    """
    table.load()
    if table.dataset is not None:
        with lance_errors():
            table.dataset.cleanup_old_versions(
                older_than=keep, delete_unverified=is_alone, error_if_tagged_old_versions=False
            )


def _size(fragment: lance.LanceFragment) -> FragmentSize:
    return FragmentSize(fragment.physical_rows, fragment.num_deletions)


def _join(table: LanceTable, dataset: lance.LanceDataset, join: Join) -> None:
    """Write the joined fragments to the disk, and only then let them replace the others."""
    plan = Compaction.plan(dataset, _options(dataset, join))
    results = [task.execute(dataset) for task in plan.tasks]
    for result in results:
        sync_fragments(table.path, result.new_fragments)
    Compaction.commit(dataset, results)


def _options(dataset: lance.LanceDataset, join: Join) -> dict[str, object]:
    ids = [fragment.fragment_id for fragment in dataset.get_fragments()]
    return {
        "target_rows_per_fragment": join.target_rows,
        "materialize_deletions_threshold": DELETED_SHARE,
        "num_threads": 1,
        "batch_size": batch_rows(dataset),
        "io_buffer_size": IO_BUFFER_BYTES,
        "excluded_fragment_ids": [*ids[: join.first], *ids[join.last + 1 :]],
    }
