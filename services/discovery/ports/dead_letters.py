"""What replaying and dropping dead letters needs from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.dead_letters import Letter, Refused, Remains, Resend
from services.discovery.domain.ledger import Death, SourceRecord
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter


class LetterLedger(Protocol):
    """The ledger of dead letters. Each method is one transaction, and harmless when repeated."""

    async def replay(
        self,
        death: Death,
        resends: Sequence[Resend],
        command: str,
        remains: Remains | None = None,
    ) -> Sequence[Resend] | Refused:
        """Have what was dead count as in flight, and keep what has to be sent for it.

        The source counts as not completed until all of it is mapped or dead again; then it is
        decided anew on a version that is held back. A letter that was replayed before changes
        nothing.

        Args:
            death: The letter.
            resends: What is to be sent: the batch itself if it died whole, else batches of their
                own.
            command: Key of the command that wants it.
            remains: What of it stays dead, as letters of their own.

        Returns:
            What of it is still to be sent or under way; or why it must not be sent again: its
            source has changed or is still being mapped, or its record may be on the map.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def drop(self, death: Death, command: str, now: datetime) -> list[SourceRecord]:
        """Note that a dead letter of a source's present version was given up for good.

        Returns:
            The source, if its version was held back and is to be shown now.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def unreadable(self, source_id: str) -> list[Letter]:
        """Return the parts of a source's present version that could not be read, in order.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def settled_by(self, command: str) -> list[Letter]:
        """Return the letters that a command had replayed or dropped.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def resends(self, collection: str) -> list[Resend]:
        """Return what was sent again for dead letters and is neither mapped nor dead again.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...


class DeadLetterStore(Protocol):
    """The dead letters on the bus."""

    async def select(
        self, collection: str, selection: Selection, before: datetime | None
    ) -> Mapping[int, DeadLetter]:
        """Return the selected letters by sequence; their bodies may be missing.

        Args:
            collection: The collection.
            selection: Which of its letters.
            before: Only letters that were stored before this; None: all.

        Raises:
            TransientError: The bus did not answer.
        """
        ...

    async def get(self, sequence: int) -> DeadLetter | None:
        """Return a whole letter; None if it is not there any more.

        Raises:
            TransientError: The bus did not answer.
        """
        ...

    async def delete(self, sequence: int) -> None:
        """Take a letter off the bus; one that is not there is no error.

        Raises:
            TransientError: The bus did not answer.
        """
        ...
