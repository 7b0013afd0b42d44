"""Audited commands in memory."""

from shared.contracts.audit import AuditEntry, AuditPage, CommandAudited


class FakeAuditLog:
    """Gives what it was built with, in order."""

    def __init__(self, *events: CommandAudited) -> None:
        self.entries = [AuditEntry(sequence=n, event=one) for n, one in enumerate(events, 1)]

    async def page(self, collection: str, *, after: int = 0, limit: int = 50) -> AuditPage:
        fitting = [
            one
            for one in self.entries
            if one.event.collection == collection and one.sequence > after
        ]
        more = fitting[limit - 1].sequence if len(fitting) > limit else None
        return AuditPage(collection=collection, items=tuple(fitting[:limit]), next_after=more)
