"""What was told of a batch and cannot all be true.

The accounts follow the dataset where they have to choose, since its rows are what people see. That
they had to choose is kept here, in the words and numbers of what was told, until the source has
another version or is forgotten.
"""

from dataclasses import dataclass
from datetime import datetime

from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.ledger import Commit, Death


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A batch of which two things were told."""

    collection: str
    source_id: str
    filename: str
    batch_id: str
    what: str
    since: datetime


def against_commit(known: BatchAccount | None, told: Commit) -> str | None:
    """Say what of an account is against what the dataset holds; nothing if it fits.

    A batch that died as a whole and is stored all the same fits: one copy of it died.
    """
    if told.is_superseded:
        return (
            f"the dataset has a newer version of the source than {told.source_version}, which is "
            "the newest of the ledger: the ledger is older than the dataset"
        )
    if known is None or not known.is_recorded:
        return None
    if told.records > known.records:
        return f"{known.records} records were sent, and the dataset has {told.records} rows"
    if told.records < known.mapped:
        return f"the dataset had {known.mapped} rows, and has {told.records} now"
    if known.dead < known.records < told.records + known.dead:
        return (
            f"{known.records} records were sent, the dataset has {told.records} rows, and "
            f"{known.dead} are dead-lettered"
        )
    return None


def against_death(known: BatchAccount | None, told: Death) -> str | None:
    """Say what of an account is against a dead letter about single records; nothing if it fits."""
    if known is None or not known.is_recorded or not told.is_of_record:
        return None
    dead = known.dead + told.records
    if known.mapped + dead <= known.records:
        return None
    return (
        f"{known.records} records were sent, the dataset has {known.mapped} rows, and {dead} are "
        "dead-lettered"
    )
