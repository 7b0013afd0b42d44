"""News about records: from the bus to the ledger."""

from collections.abc import Sequence

from services.discovery.handlers.ledger import LedgerKeeper
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received import Delivery
from shared.bus.publishing.dead_letters import read_dead_letter
from shared.bus.reading.settled import read_settled
from shared.bus.registry.durables import (
    DISCOVERY_READS_DEAD_LETTERS,
    DISCOVERY_READS_SETTLED,
)
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.writing import WritingSettled

PULL = Pull(64, 0.1)


def build_ledger_router(settler: Settler, collection: str, events: LedgerKeeper) -> DurableRouter:
    """Bring the news about one collection to the ledger."""
    router = DurableRouter(settler)

    @router.durable(DISCOVERY_READS_SETTLED, collection, read_settled, PULL)
    async def on_settled(news: Sequence[WritingSettled]) -> Steps:
        return events.settled(news)

    @router.durable(DISCOVERY_READS_DEAD_LETTERS, collection, decode_dead_letter, PULL)
    async def on_dead_letters(letters: Sequence[DeadLetter]) -> Steps:
        return events.dead_lettered(letters)

    return router


def decode_dead_letter(delivery: Delivery) -> DeadLetter:
    """Read a dead letter; one whose headers are incomplete counts for nothing."""
    return read_dead_letter(delivery.subject, delivery.headers, delivery.body)
