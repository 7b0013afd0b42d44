"""Which collections rest, in the file of the ledger.

One that is not named here may have consumers on the bus, as all of before.
"""

from services.discovery.adapters.sqlite_collection_store import CollectionRows
from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_settling import IS_BEING_PUT_ASIDE
from shared.sqlite_state import sql

REST = "INSERT OR IGNORE INTO resting (collection) VALUES (?)"
IS_SETTLED = sql(
    "SELECT NOT EXISTS (SELECT 1 FROM sources WHERE collection = ?1",
    f"AND (status IN ('reading', 'dispatched') OR status = 'failed' AND ({IS_BEING_PUT_ASIDE}",
    "OR seen > mapped + dead AND NOT is_held)))",
    "AND NOT EXISTS (SELECT 1 FROM resends WHERE collection = ?1)",
    "AND coalesce((SELECT records FROM in_flight WHERE collection = ?1), 0) =",
    "(SELECT coalesce(sum(staged), 0) FROM sources WHERE is_held AND collection = ?1)",
)
"""What is read, sent, shown, put aside or forgotten, and what is sent again for dead letters."""


class RestRows(CollectionRows):
    """The part of the ledger that says which collections rest, and which may."""

    @reads
    def resting_collections(self) -> set[str]:
        """See RestStore."""
        return {name for (name,) in self._rows("SELECT collection FROM resting")}

    @change
    def wake_collection(self, name: str) -> None:
        """See RestStore."""
        self._execute("DELETE FROM resting WHERE collection = ?", name)

    @change
    def rest_collection(self, name: str) -> None:
        """See RestStore; of consumers to come nothing is known that was noted of those."""
        self._execute(REST, name)
        self._execute("DELETE FROM ways WHERE collection = ?", name)

    @reads
    def is_settled(self, name: str) -> bool:
        """See RestStore."""
        return bool(self._rows(IS_SETTLED, name)[0][0])
