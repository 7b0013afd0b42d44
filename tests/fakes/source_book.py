"""What discovery has of sources, in memory."""

from datetime import UTC, datetime

from shared.contracts.source_list import ListSources, SourcePage, SourceRow, SourceTotals
from shared.contracts.uploads import Upload, UploadFacts

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FakeSourceBook:
    """Lists what it was given."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, SourceRow]] = []

    def add(self, collection: str, wish: Upload, size: int) -> SourceRow:
        facts = UploadFacts(
            blob=wish.blob,
            job_id=wish.job_id,
            size_bytes=size,
            media_type="text/csv",
            uploaded_at=AT,
            uploaded_by="somebody",
            text_columns=wish.text_columns,
            context_columns=wish.context_columns,
        )
        row = SourceRow(
            source_id="5" * 32,
            filename=wish.filename,
            kind="upload",
            status="completed",
            source_version=1,
            size_bytes=size,
            seen=2,
            staged=0,
            mapped=2,
            dead=0,
            in_flight=0,
            reason=None,
            discovered_at=AT,
            completed_at=AT,
            gone_at=None,
            upload=facts,
        )
        self.rows.append((collection, row))
        return row

    async def page(self, asked: ListSources) -> SourcePage:
        found = [row for name, row in self.rows if name == asked.collection and _fits(row, asked)]
        mine = [row for name, row in self.rows if name == asked.collection]
        ends = [row.completed_at or row.discovered_at for row in mine]
        totals = SourceTotals(sources=len(mine), changed_at=max(ends, default=None))
        return SourcePage(
            items=tuple(found[: asked.limit]), totals=totals if asked.with_totals else None
        )

    async def find(self, collection: str, source_id: str) -> SourceRow | None:
        mine = [row for name, row in self.rows if name == collection]
        return next((row for row in mine if row.source_id == source_id), None)


def _fits(row: SourceRow, asked: ListSources) -> bool:
    return (
        row.filename > asked.after
        and asked.text in row.filename
        and asked.kind in (None, row.kind)
        and (not asked.states or row.status in asked.states)
    )
