"""How much a slow server is asked for at once."""

from dataclasses import dataclass

GROW_AFTER = 16


@dataclass(slots=True)
class AdaptiveBatchSize:
    """The most texts of a request: fewer after one that took too long, more again by and by.

    A server that embeds one text a second cannot answer a request of a hundred in a minute; asked
    for the same again, it would never answer.
    """

    most: int
    """Texts in a request."""
    limit: int
    """Texts that a request may hold with a server that is fast."""
    _in_time: int = 0

    @classmethod
    def full(cls, limit: int) -> "AdaptiveBatchSize":
        """Begin with as much as is allowed."""
        return cls(limit, limit)

    def too_long(self, texts: int) -> None:
        """Note that a request of so many texts was not answered in time."""
        self.most = max(1, min(self.most, texts // 2))
        self._in_time = 0

    def in_time(self, texts: int) -> None:
        """Note that a request of so many texts was answered."""
        if texts < self.most or self.most == self.limit:
            return
        self._in_time += 1
        if self._in_time >= GROW_AFTER:
            self.most = min(self.limit, self.most * 2)
            self._in_time = 0
