"""The questions that a service answers: requests and replies, of which no stream keeps anything.

What every service tells of itself is asked for by service discovery, in ``shared.bus.status``.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.bus.registry.users import EMBEDDING, GATEWAY, OPERATOR, PROJECTION, WRITING
from shared.contracts.base import Message
from shared.contracts.collections import CollectionPage, ListCollections

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

    @property
    def subject(self) -> str:
        """Spell where it is asked."""
        return f"mapstream.{self.name}"


COLLECTIONS_LIST = Question(
    name="collections.list",
    about="Which collections there are, and what is kept of each.",
    service="discovery",
    asked_by=(EMBEDDING, PROJECTION, WRITING, GATEWAY, OPERATOR),
    contract=ListCollections,
    answer=CollectionPage,
)
QUESTIONS = (COLLECTIONS_LIST,)
