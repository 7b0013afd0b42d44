"""What is decided of pairs, in memory."""

from datetime import UTC, datetime

from shared.contracts.matches import (
    DecidedPair,
    DecideMatches,
    DecisionPage,
    ListDecisions,
    MatchDecision,
    MatchesDecided,
    MatchPair,
)

Key = tuple[str, str, str, str]
THEN = datetime(2026, 1, 1, tzinfo=UTC)


class FakeDecisionBook:
    """The last decision of each pair; a page holds as many as is said, so that there are more."""

    def __init__(self, page: int = 2, refuses: str | None = None) -> None:
        self.page = page
        self.refuses = refuses
        self.all: dict[Key, MatchDecision] = {}

    async def tell(self, asked: ListDecisions) -> DecisionPage:
        names = (asked.collection, asked.other)
        found = [one for key, one in self.all.items() if key[:2] == names]
        end = asked.after + self.page
        return DecisionPage(
            items=tuple(found[asked.after : end]), next_after=end if end < len(found) else None
        )

    async def decide(self, asked: DecideMatches) -> MatchesDecided:
        if self.refuses is not None:
            return MatchesDecided(reason=self.refuses)
        return MatchesDecided(items=tuple(self._decide(asked, one) for one in asked.pairs))

    def _decide(self, asked: DecideMatches, pair: MatchPair) -> DecidedPair:
        key = (asked.collection, asked.other, pair.id, pair.other_id)
        before = self.all.pop(key, None)
        if asked.decision == "undo":
            return DecidedPair(is_changed=before is not None)
        if before and (before.texts, before.decision) == (pair.texts, asked.decision):
            self.all[key] = before
            return DecidedPair(is_changed=False, decided=before)
        self.all[key] = MatchDecision(
            **pair.model_dump(), decision=asked.decision, at=THEN, by=asked.by
        )
        return DecidedPair(is_changed=True, decided=self.all[key])
