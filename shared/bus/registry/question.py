"""What a service is asked, and answers: one row of the table of questions."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.contracts.base import Message

Asked = TypeVar("Asked", bound=Message)
Told = TypeVar("Told", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[Asked, Told]):
    """What one service is asked, by whom, and what it answers."""

    name: str
    about: str
    service: str
    """Who answers it."""
    asked_by: tuple[str, ...]
    """Users of the bus; where users are not kept apart, anybody may ask."""
    contract: type[Asked]
    """The body of the request; an empty one is one without fields."""
    answer: type[Told]
    is_per_collection: bool = False
    """Whether it is about one collection, whose name its subject ends with, and is answered by
    the instance that owns that."""

    @property
    def subject(self) -> str:
        """Spell where it is asked; of collections, all of them."""
        return f"mapstream.{self.name}{'.*' if self.is_per_collection else ''}"

    def subject_of(self, collection: str) -> str:
        """Spell where it is asked about a collection."""
        return f"mapstream.{self.name}.{collection}"
