"""The account of a batch: records = staged + mapped + dead + in flight, always."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class BatchAccount:
    """What became of one batch.

    Its batch may be known from its commit or from a dead letter before discovery notes that it was
    published: until then, it is taken to have as many records as were heard of.
    """

    records: int = 0
    mapped: int = 0
    dead: int = 0
    is_recorded: bool = False
    is_closed: bool = False
    """Whether it was committed or staged, or dead-lettered as a whole."""
    staged: int = 0
    is_staged: bool = False
    """Whether it waits to be shown; one without records may, too."""

    @property
    def in_flight(self) -> int:
        """Records of which nothing was heard yet."""
        return self.records - self.staged - self.mapped - self.dead

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come: an empty batch must have been committed, too."""
        return self.is_recorded and self.in_flight == 0 and (self.records > 0 or self.is_closed)

    def record(self, records: int) -> "BatchAccount":
        """Note how many records were published."""
        told = self.staged + self.mapped + self.dead
        return replace(self, records=max(records, told), is_recorded=True)

    def stage(self, staged: int) -> "BatchAccount":
        """Note how many records wait to be shown; of one that is stored, that is old news."""
        if self.is_closed and not self.is_staged:
            return self
        after = self._hold(staged)
        return replace(after, staged=after.mapped, mapped=0, is_staged=True)

    def commit(self, mapped: int) -> "BatchAccount":
        """Note how many records are in the store; one that was dead before is dead no more."""
        return replace(self._hold(mapped), staged=0, is_staged=False)

    def _hold(self, mapped: int) -> "BatchAccount":
        records = self.records if self.is_recorded else max(self.records, mapped + self.dead)
        mapped = min(mapped, records)
        dead = min(self.dead, records - mapped)
        return replace(self, records=records, mapped=mapped, dead=dead, is_closed=True)

    def dead_letter(self, dead: int) -> "BatchAccount":
        """Note that records were dead-lettered."""
        held = self.staged + self.mapped
        total = held + self.dead + dead
        records = self.records if self.is_recorded else max(self.records, total)
        given_up = min(self.dead + dead, records - held)
        return replace(self, records=records, dead=given_up, is_closed=self.is_closed or dead == 0)

    def revive(self, dead: int) -> "BatchAccount":
        """Note that the batch, dead as a whole, was sent again: so many are in flight again."""
        return replace(self, dead=self.dead - dead, is_closed=False)

    def withdraw(self) -> "BatchAccount":
        """Note that what is in flight is nowhere; should it arrive all the same, it counts."""
        held = self.staged + self.mapped + self.dead
        return replace(self, records=held, is_recorded=False)

    def release(self, dead: int) -> "BatchAccount":
        """Note that dead records went to batches of their own."""
        return replace(self, records=self.records - dead, dead=self.dead - dead)
