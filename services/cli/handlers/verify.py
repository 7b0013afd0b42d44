"""Compares what the owners of a collection keep of it, and names every difference."""

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from services.cli.domain.kept import (
    PARTS,
    Difference,
    KeptModel,
    KeptMoments,
    SourceTally,
    StoredSource,
    TextSum,
    What,
    id_hashes,
)
from services.cli.domain.second_look import (
    VARIANCE,
    largest_variances,
    moments_off,
    points_off,
    two_pass,
)
from services.cli.domain.verdict import Verdict
from services.cli.handlers.verify_histories import FOREIGN, apart
from services.cli.handlers.verify_waiting import waiting
from services.cli.ports import KeptMap, Tally
from shared.errors import MapstreamError
from shared.plane import Plane

REREAD = "read the source again: mapstream verify --repair, and start the services"
RECOUNT = "count the dataset anew: mapstream verify --repair"
REPUBLISH = "write the public files again: mapstream verify --repair"
LISTED = 100
"""So many differences of one kind are named; the rest is counted."""
STRICT = ("completed", "forgotten", "incomplete")
"""In these states a source's rows are exactly those of its account."""

OF_ROWS = frozenset(
    {What.ROWS, What.VERSION, What.NOT_IN_LEDGER, What.SOURCE}
    | {What.FILE_PART.format(part) for part in PARTS if part != "coordinates"}
)
"""Of these differences, the source says what is right: the files may be right, or the dataset."""

Opinion = Callable[[KeptMap], np.ndarray | None]


def verify(
    kept: KeptMap, tally: Tally, second_opinion: Opinion, *, with_sources: bool = False
) -> Verdict:
    """Compare everything with everything; a difference is worth what ``is_at_rest`` says.

    Args:
        kept: The collection.
        tally: An empty one.
        second_opinion: Gives the two largest variances of the vectors by somebody else; none
            where that is too much to ask.
        with_sources: Whether the sources themselves are read again.
    """
    before = kept.stand()
    verdict = Verdict(kept.collection, pending=kept.pending(), apart=kept.apart())
    if "discovery" in verdict.apart:
        verdict.emptied = kept.emptied()
    told: dict[str, int] = {}
    comparison = _Comparison(kept, tally, verdict, with_sources=with_sources)
    for one in chain(apart(kept, verdict.apart), comparison.differences(second_opinion)):
        told[one.what] = told.get(one.what, 0) + 1
        verdict.found.add(one.what)
        if told[one.what] <= LISTED:
            verdict.differences.append(one)
        else:
            verdict.more += 1
    verdict.is_changing = kept.stand() != before
    return verdict


class _Comparison:
    def __init__(
        self, kept: KeptMap, tally: Tally, verdict: Verdict, *, with_sources: bool
    ) -> None:
        self._with_sources = with_sources
        self._kept = kept
        self._tally = tally
        self._verdict = verdict
        self._map_models: set[int] = set()
        self._elsewhere = 0

    def differences(self, second_opinion: Opinion) -> Iterator[Difference]:
        kept, tally = self._kept, self._tally
        has_vectors = kept.has_public_vectors()
        newest, archived = kept.newest_model(), kept.archived_model()
        tally.add_accounts(kept.accounts())
        self._read_rows(archived, has_vectors=has_vectors)
        tally.add_counted(kept.counted())
        has_files = True
        try:
            for rows in kept.public_rows():
                tally.add_public(rows, has_vectors=has_vectors)
        except MapstreamError as error:
            has_files = False
            if self._verdict.rows:
                yield self._difference(What.FILES, "files of the dataset", str(error), REPUBLISH)
        for source in tally.sources():
            self._verdict.sources += 1
            self._note_overtaken(source)
            for one in self._source(source, has_files=has_files):
                if one.what in OF_ROWS:
                    stored, name = source.stored, source.filename
                    self._verdict.doubtful[name] = StoredSource(
                        name, stored.high_version, stored.rows
                    )
                yield one
        yield from self._repeated()
        yield from self._batches()
        yield from waiting(kept, self._verdict)
        yield from self._moments(second_opinion)
        if self._verdict.rows:
            yield from self._models(newest, archived, has_files=has_files)

    def _read_rows(self, model: KeptModel | None, *, has_vectors: bool) -> None:
        plane = None if model is None else Plane(model.mean, model.components)
        for rows in self._kept.rows():
            self._tally.add_stored(rows, has_vectors=has_vectors)
            self._verdict.rows += len(rows.ids)
            self._map_models.update(rows.model_versions)
            if plane is None or rows.vectors is None:
                continue
            if rows.vectors.shape[1] != plane.dimension:
                self._elsewhere += len(rows.ids)
            else:
                self._elsewhere += points_off(rows.points, plane.project(rows.vectors))

    def _source(self, source: SourceTally, *, has_files: bool) -> Iterator[Difference]:
        yield from self._account(source)
        if not has_files:
            return
        name, stored, public = source.filename, source.stored, source.public
        if stored.rows != public.rows:
            found = f"{public.rows:,} public"
            expected = f"{stored.rows:,} stored"
            yield self._difference(What.FILE_ROWS, expected, found, REPUBLISH, name)
            return
        for part, expected_sum, found_sum in zip(PARTS, stored.parts, public.parts, strict=True):
            if expected_sum != found_sum:
                what = What.FILE_PART.format(part)
                yield self._difference(
                    what, f"checksum {expected_sum:015x}", f"{found_sum:015x}", REPUBLISH, name
                )

    def _note_overtaken(self, source: SourceTally) -> None:
        account, stored = source.account, source.stored
        if not stored.rows or "discovery" not in self._verdict.apart:
            return
        is_under_way = account is None or not account.is_settled
        if is_under_way or self._verdict.apart["discovery"] in FOREIGN:
            name = source.filename
            self._verdict.overtaken[name] = StoredSource(name, stored.high_version, stored.rows)

    def _account(self, source: SourceTally) -> Iterator[Difference]:
        account, stored, name = source.account, source.stored, source.filename
        if account is None:
            if stored.rows:
                found = f"{stored.rows:,} rows of version {stored.high_version}"
                yield self._difference(What.NOT_IN_LEDGER, "an account", found, REREAD, name)
            return
        if not account.is_settled:
            self._verdict.unsettled += 1
            return
        if account.status not in STRICT:
            return
        if account.mapped != stored.rows:
            yield self._difference(
                What.ROWS, f"{account.mapped:,} mapped", f"{stored.rows:,} stored", REREAD, name
            )
        yield from self._record_sum(source)
        versions = {stored.low_version, stored.high_version}
        if stored.rows and versions != {account.version}:
            found = " and ".join(map(str, sorted(versions)))
            yield self._difference(What.VERSION, str(account.version), found, REREAD, name)

    def _record_sum(self, source: SourceTally) -> Iterator[Difference]:
        """Compare a source's rows with the source itself, if that is wanted and it is plain."""
        if not self._with_sources or not source.stored.rows:
            return
        stored = TextSum(source.stored.rows, source.stored.parts[0])
        right = self._kept.source_sum(source.filename)
        if right is None:
            self._verdict.unread += 1
        elif right != stored:
            expected, found = (
                f"{one.records:,} of checksum {one.texts:015x}" for one in (right, stored)
            )
            yield self._difference(What.SOURCE, expected, found, REREAD, source.filename)

    def _repeated(self) -> Iterator[Difference]:
        hashes = self._tally.repeated_ids()
        if not hashes:
            return
        seen: dict[str, int] = {}
        names: dict[str, str] = {}
        for row_id, name in self._kept.row_names():
            if int(id_hashes([row_id])[0]) in hashes:
                seen[row_id] = seen.get(row_id, 0) + 1
                names[row_id] = name
        for row_id, count in seen.items():
            if count > 1:
                found = f"{count} rows of id {row_id}"
                yield self._difference(What.TWICE, "1", found, REREAD, names[row_id])

    def _batches(self) -> Iterator[Difference]:
        for batch in self._tally.unequal_batches():
            stored = f"{batch.stored or 0:,} rows of batch {batch.batch_id}"
            counted = f"{batch.counted or 0:,} counted"
            what = What.BATCH_RECORDS
            if batch.counted is None:
                what = What.BATCH_NOT_COUNTED
            elif batch.stored is None:
                what = What.BATCH_NOT_STORED
            yield self._difference(what, stored, counted, RECOUNT, batch.filename)

    def _moments(self, second_opinion: Opinion) -> Iterator[Difference]:
        kept, right = self._kept.moments(), two_pass(self._kept.vectors)
        found = kept.count if kept else 0
        if kept is None or right is None:
            if found != self._verdict.rows:
                wanted = f"{self._verdict.rows:,} vectors"
                yield self._difference(What.MOMENTS, wanted, f"{found:,} vectors", RECOUNT)
            return
        if off := moments_off(kept, right):
            yield self._difference(What.MOMENTS, f"{right.count:,} vectors", off, RECOUNT)
        yield from self._opinion(kept, second_opinion)

    def _opinion(self, kept: KeptMoments, second_opinion: Opinion) -> Iterator[Difference]:
        other = second_opinion(self._kept)
        own = largest_variances(kept)
        if other is None or len(other) != len(own):
            return
        if np.abs(own - other).max() > VARIANCE * max(float(np.abs(other).max()), 1e-12):
            expected, found = (", ".join(f"{one:.6g}" for one in pair) for pair in (other, own))
            yield self._difference(What.VARIANCE, expected, found, RECOUNT)

    def _models(
        self, newest: KeptModel | None, archived: KeptModel | None, *, has_files: bool
    ) -> Iterator[Difference]:
        held = archived.version if archived else 0
        made = newest.version if newest else 0
        if made > held:
            self._verdict.untold = made
        elif made != held:
            expected, found = f"version {held} as archived", f"version {made}"
            yield self._difference(What.MODEL, expected, found, RECOUNT)
        elif newest and archived and not newest.is_same(archived):
            expected, found = f"version {held} as archived", "other numbers"
            yield self._difference(What.MODEL_VALUES, expected, found, RECOUNT)
        if self._map_models != {held}:
            versions = ", ".join(map(str, sorted(self._map_models)))
            yield self._difference(What.MAP_MODEL, str(held), versions, RECOUNT)
        if self._elsewhere:
            found = f"{self._elsewhere:,} rows elsewhere"
            yield self._difference(What.COORDINATES, f"places by model {held}", found, RECOUNT)
        shown = self._kept.shown_model() if has_files else archived
        if archived and (shown is None or not shown.is_same(archived)):
            found = f"version {shown.version}" if shown else "none"
            yield self._difference(What.FILE_MODEL, f"version {held}", found, REPUBLISH)

    def _difference(
        self, what: str, expected: str, found: str, remedy: str, source: str | None = None
    ) -> Difference:
        return Difference(
            collection=self._kept.collection,
            source=source,
            what=what,
            expected=expected,
            found=found,
            remedy=remedy,
        )
