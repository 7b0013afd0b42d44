"""Decisions about pairs of records: told, and made by who may."""

from dataclasses import dataclass

import structlog

from services.discovery.domain.matches import Between, Decided, Pair
from services.discovery.ports.matches import MatchStore
from shared.clock import Clock
from shared.contracts.matches import (
    DecidedPair,
    DecideMatches,
    DecisionPage,
    ListDecisions,
    MatchDecision,
    MatchesDecided,
)

NOBODY = "nobody serves both '{}' and '{}': make them first"
SAME = "'{}' is not matched with itself: name another collection"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DecisionBook:
    """Answers what was decided of pairs, and has it decided."""

    store: MatchStore
    clock: Clock

    async def tell(self, asked: ListDecisions) -> DecisionPage:
        """Answer with a page of decisions.

        Raises:
            TransientError: The ledger could not be read.
        """
        between = Between(asked.collection, asked.other)
        found = await self.store.decisions(between, asked.after, asked.limit + 1)
        page = found[: asked.limit]
        return DecisionPage(
            items=tuple(_told(one) for _, one in page),
            next_after=page[-1][0] if len(found) > len(page) else None,
        )

    async def decide(self, asked: DecideMatches) -> MatchesDecided:
        """Decide of pairs, all of them or none.

        Raises:
            TransientError: The ledger could not be written.
        """
        if asked.collection == asked.other:
            return MatchesDecided(reason=SAME.format(asked.other))
        between = Between(asked.collection, asked.other)
        pairs = [Pair(one.id, one.other_id, one.texts) for one in asked.pairs]
        done = await self.store.decide(between, pairs, asked.decision, asked.by, self.clock.now())
        if done is None:
            return MatchesDecided(reason=NOBODY.format(asked.collection, asked.other))
        changed = sum(is_changed for is_changed, _ in done)
        log.info("matches.decided", collection=asked.collection, other=asked.other, count=changed)
        items = (
            DecidedPair(is_changed=is_changed, decided=_told(one) if one else None)
            for is_changed, one in done
        )
        return MatchesDecided(items=tuple(items))


def _told(one: Decided) -> MatchDecision:
    return MatchDecision(
        id=one.pair.record,
        other_id=one.pair.other_record,
        texts=one.pair.texts,
        decision=one.decision,
        at=one.at,
        by=one.by,
    )
