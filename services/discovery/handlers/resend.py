"""Makes what is sent again for a dead letter, and says where it goes."""

from collections.abc import Sequence

from services.discovery.domain.dead_letters import Refused, Resend, replay_batch_id
from services.discovery.domain.ledger import Death
from shared.bus.messages.headers import batch_headers
from shared.bus.messages.outgoing import Outgoing, of_epoch
from shared.bus.registry.batches import (
    DISCOVERY_BATCH,
    EMBEDDING_BATCH,
    PROJECTION_BATCH,
    WRITING_RETRACTION,
)
from shared.contracts.batches import Batch, decode, encode
from shared.contracts.dead_letters import DeadLetter
from shared.errors import InvalidMessage

READ_BY = {
    "discovery": DISCOVERY_BATCH,
    "embedding": DISCOVERY_BATCH,
    "projection": EMBEDDING_BATCH,
    "writing": PROJECTION_BATCH,
}
"""Where a batch goes again: to the stage that gave it up, or from discovery to the first."""
WORK = (DISCOVERY_BATCH, EMBEDDING_BATCH, PROJECTION_BATCH, WRITING_RETRACTION)


def resends_of(letter: DeadLetter, death: Death) -> Sequence[Resend] | Refused:
    """Make what is sent for a letter of a batch: the batch, or a batch of its one record."""
    if letter.is_cut:
        return Refused("only its first bytes were kept; change its source to have it read again")
    try:
        batch = decode(letter.body)
    except InvalidMessage as error:
        return Refused(f"it is no batch: {error}")
    facts = batch.descriptor
    if letter.record_id is None:
        changed = {"replays": facts.replays + 1}
    else:
        changed = {
            "batch_id": replay_batch_id(death.key),
            "records": len(batch),
            "is_last": False,
            "can_wait": True,
            "replays": 0,
        }
    return [resend_of(Batch(facts.model_copy(update=changed), batch.rows), letter.stage)]


def resend_of(batch: Batch, stage: str) -> Resend:
    """Make what is sent again of a batch."""
    facts = batch.descriptor
    message_id = f"replay:{stage}:{facts.delivery_id}"
    return Resend(facts.collection, facts.batch_id, len(batch), stage, message_id, encode(batch))


def outgoing_resend(resend: Resend, epoch: int = 0) -> Outgoing:
    """Send a batch to the stage that is to read it; again if the bus lost it, in an epoch."""
    batch = decode(resend.body).of_epoch(epoch)
    message_id = of_epoch(resend.message_id, epoch)
    channel = READ_BY[resend.stage]
    return Outgoing(channel, resend.collection, message_id, encode(batch), batch_headers(batch))


def outgoing_again(letter: DeadLetter) -> Outgoing | None:
    """Send a whole message again to where it was read; None if that is not possible."""
    for channel in WORK:
        if letter.subject == channel.subject(letter.collection):
            message_id = f"replay:{letter.stage}:{letter.key}"
            return Outgoing(channel, letter.collection, message_id, letter.body)
    return None
