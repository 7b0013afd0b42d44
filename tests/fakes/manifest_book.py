"""What is told of manifests, in memory."""

from shared.contracts.manifests import (
    ChangeManifest,
    ListManifests,
    ManifestChanged,
    ManifestItem,
    ManifestPage,
    ManifestRecord,
)
from tests.fakes.schedule_book import THEN


class FakeManifestBook:
    """Manifests by number, each with one item; what a run gives is said beforehand."""

    def __init__(self, ran: ManifestChanged | None = None) -> None:
        self.ran = ran
        self.all: dict[str, ManifestRecord] = {}

    async def tell(self, asked: ListManifests) -> ManifestPage:
        if asked.manifest is not None:
            found = self.all.get(asked.manifest)
            listed = (ManifestItem(row=1, name="Ada", outcome="added"),)
            return ManifestPage(items=(found,) if found else (), listed=listed if found else None)
        fit = (one for one in self.all.values() if asked.collection in (None, one.collection))
        return ManifestPage(items=tuple(fit))

    async def change(self, asked: ChangeManifest) -> ManifestChanged:
        if asked.action == "apply":
            return ManifestChanged(outcome="done", manifest=self._apply(asked))
        known = self.all.get(asked.manifest or "")
        if known is None:
            return ManifestChanged(outcome="unknown", reason="there is none")
        if asked.action == "run" and self.ran is not None:
            return self.ran
        if asked.action == "remove":
            del self.all[known.id]
        if asked.action == "change":
            given = {"every_hours": asked.every_hours, "is_paused": asked.is_paused}
            changes = {name: one for name, one in given.items() if one is not None}
            known = self.all[known.id] = known.model_copy(update=changes)
        return ManifestChanged(outcome="done", manifest=known)

    def _apply(self, asked: ChangeManifest) -> ManifestRecord:
        name = asked.name or asked.url or ""
        for known in self.all.values():
            if known.name == name:
                return known
        record = ManifestRecord(
            id=f"{len(self.all):020x}",
            collection=asked.collection or "",
            name=name,
            url=asked.url,
            every_hours=asked.every_hours or 8,
            is_paused=False,
            next_at=THEN,
            ran=0,
            missed=0,
            overlapped=0,
            succeeded_at=None,
            is_stale=False,
            created_at=THEN,
            created_by=asked.by,
        )
        self.all[record.id] = record
        return record
