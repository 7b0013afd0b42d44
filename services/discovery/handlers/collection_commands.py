"""Commands about whole collections: made, called otherwise, deleted, given files."""

from dataclasses import dataclass

import structlog

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.collections import Collections
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.deletion import Deletion
from services.discovery.handlers.forget import Rejected
from services.discovery.handlers.uploads import Uploads
from shared.bus.messages.outgoing import Outgoing
from shared.contracts.commands import Create, Delete, Rename

Wish = Create | Rename | Delete
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CollectionCommands:
    """What becomes of commands about whole collections."""

    records: Collections
    creation: Creation
    deletion: Deletion
    uploads: Uploads
    """What becomes of files that are handed in."""

    async def carry_out(
        self, name: str, wish: Wish, ref: CommandRef
    ) -> Outgoing | Rejected | None:
        """Carry out a command; returns its answer, none if that comes later.

        Raises:
            TransientError: The record could not be read or written, or the bus did not answer.
        """
        match wish:
            case Create():
                record = await self.creation.create(name, wish, ref.key)
            case Rename():
                known = await self.records.rename(name, wish)
                record = known or Rejected("there is no such collection")
            case Delete():
                record = await self.deletion.want(name, ref)
        if isinstance(record, Rejected):
            return record
        log.info(wish.family, collection=name, revision=record.revision)
        if isinstance(wish, Delete):
            return None
        return self.records.answer(record, ref)
