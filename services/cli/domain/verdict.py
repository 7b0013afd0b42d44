"""What was found of one collection."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.cli.domain.kept import Difference, StoredSource


@dataclass(slots=True)
class Verdict:
    """What was found of one collection."""

    collection: str
    rows: int = 0
    sources: int = 0
    differences: list[Difference] = field(default_factory=list)
    unsettled: int = 0
    """Sources that have records on their way: they were not compared with their account."""
    pending: int = 0
    """Batches of which projection has not heard whether they are stored."""
    unread: int = 0
    """Sources that were to be read again, and are not plain or not as they were."""
    is_changing: bool = False
    """Whether somebody was at work meanwhile: then differences say nothing."""
    more: int = 0
    """Differences beyond those that are listed."""
    found: set[str] = field(default_factory=set)
    """What differs, whether it is listed or not."""
    doubtful: dict[str, StoredSource] = field(default_factory=dict)
    """By filename, the sources whose rows are not what they must be."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """By owner, what keeps its state from belonging to the dataset."""
    overtaken: dict[str, StoredSource] = field(default_factory=dict)
    """Where the ledger is apart: the sources of which it may give a number a second meaning."""
    emptied: Mapping[str, int] = field(default_factory=dict)
    """By source id, the versions that the dataset has had and that have no rows."""
    staged_over: dict[str, int] = field(default_factory=dict)
    """By source id, the versions that are over and of which batches wait all the same."""
    untold: int = 0
    """A model that writing has not heard of yet; 0: there is none."""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing was on its way."""
        return not (self.is_changing or self.unsettled or self.pending or self.untold)
