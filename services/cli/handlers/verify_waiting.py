"""Compares what waits at projection and beside the dataset with what the ledger says."""

from collections.abc import Iterator

from services.cli.domain.kept import Difference, StoredSource, What
from services.cli.domain.verdict import Verdict
from services.cli.ports import KeptMap

RECOUNT = "count the dataset anew: mapstream verify --repair"
DISCARD = "let it go: mapstream verify --repair"
REREAD = "read the source again: mapstream verify --repair, and start the services"


def waiting(kept: KeptMap, verdict: Verdict) -> Iterator[Difference]:
    """Name what waits in vain, and what is waited for and not there; note what is to be mended."""
    for batch_id, source in kept.doubted():
        found = f"others stored of batch {batch_id}"
        yield _difference(kept, What.IN_DOUBT, "its vectors", found, RECOUNT, source)
    there: dict[tuple[str, int], frozenset[str]] = {}
    for one in kept.staged():
        there[one.source_id, one.version] = one.batch_ids
        if one.is_over or "discovery" in verdict.apart:  # it means nothing to another ledger
            verdict.staged_over[one.source_id] = one.version
            found = f"{len(one.batch_ids):,} of version {one.version}"
            yield _difference(kept, What.STAGED_OVER, "none", found, DISCARD, one.filename)
    for one in kept.awaited():
        missing = one.batch_ids - there.get((one.source_id, one.version), frozenset())
        if missing:
            verdict.doubtful.setdefault(one.filename, StoredSource(one.filename, 0, 0))
            expected = f"{len(one.batch_ids):,} of version {one.version}"
            found = f"{len(one.batch_ids) - len(missing):,}"
            yield _difference(kept, What.STAGED_LOST, expected, found, REREAD, one.filename)


def _difference(
    kept: KeptMap, what: What, expected: str, found: str, remedy: str, source: str
) -> Difference:
    return Difference(
        collection=kept.collection,
        source=source,
        what=what,
        expected=expected,
        found=found,
        remedy=remedy,
    )
