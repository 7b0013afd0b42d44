"""Says whether ledger and state of projection belong to the dataset as it is."""

from collections.abc import Iterator, Mapping

from services.cli.domain.kept import Difference, What
from services.cli.ports import KeptMap
from shared.history import Verdict

WHOSE = {"discovery": What.LEDGER_APART, "projection": What.STATE_APART}
REMEDY = (
    "put the folder back that belongs here; or, to go on from what the dataset has: "
    "mapstream verify --repair, and start the services"
)
FOREIGN = frozenset({Verdict.OWNER_OTHER, Verdict.DATASET_OTHER})
"""Nothing that the two say of the same source need be about the same."""
PASTS: Mapping[str, str] = {
    Verdict.OWNER_LOST: "earlier",
    Verdict.OWNER_OLDER: "earlier",
    Verdict.OWNER_OTHER: "another",
    Verdict.DATASET_OTHER: "another",
}
"""What the past of a state is then; of a dataset that is lost or older it is the same one."""


def apart(kept: KeptMap, found: Mapping[str, str]) -> Iterator[Difference]:
    """Name each owner whose state does not belong to the dataset."""
    for owner, verdict in found.items():
        yield Difference(
            collection=kept.collection,
            what=WHOSE[owner],
            expected="one that belongs to it",
            found=verdict,
            remedy=REMEDY,
        )
