"""Makes the batches that are sent again for a dead letter."""

from collections.abc import Sequence

from services.discovery.domain.ledger import Death
from services.discovery.domain.letters import Refused, Resend, replay_batch_id
from shared.contracts.batches import Batch, decode, encode
from shared.contracts.dead_letters import DeadLetter
from shared.errors import InvalidMessage


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
            "replays": 0,
        }
    return [resend_of(Batch(facts.model_copy(update=changed), batch.rows), letter.stage)]


def resend_of(batch: Batch, stage: str) -> Resend:
    """Make what is sent again of a batch."""
    facts = batch.descriptor
    message_id = f"replay:{stage}:{facts.delivery_id}"
    return Resend(facts.collection, facts.batch_id, len(batch), stage, message_id, encode(batch))
