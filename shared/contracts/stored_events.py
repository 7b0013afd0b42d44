"""A public event as its stream keeps it."""

from dataclasses import dataclass

from pydantic import ValidationError

from shared.contracts.base import Event


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and its place on the bus."""

    sequence: int
    family: str
    collection: str
    body: bytes
    contract: type[Event] | None = None
    """Its model; none: the table does not know its family."""

    @property
    def is_answer(self) -> bool:
        """Whether it may answer a command."""
        return self.contract is not None and self.contract.settles_as is not None

    def read(self) -> Event | None:
        """Read it; nothing if it is of no known family or cannot be read."""
        try:
            return self.contract.model_validate_json(self.body) if self.contract else None
        except ValidationError:
            return None
