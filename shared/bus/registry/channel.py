"""What a channel is: a family of subjects, one for each collection."""

import re
from dataclasses import dataclass

from shared.bus.registry.users import signed
from shared.contracts.base import Message
from shared.errors import ConfigurationError

ANYBODY = "anybody"
JSON = "application/json"
BYTES = "application/octet-stream"
COLLECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Channel:
    """A family of subjects, one per collection: ``<family>.<collection>``."""

    family: str
    stream: str
    producer: str
    consumers: tuple[str, ...]
    about: str
    contract: type[Message] | None = None
    """The JSON body's model; none for Arrow batches and for dead letters' original bytes."""
    content_type: str = JSON
    also_from: tuple[str, ...] = ()
    """Who else publishes here: discovery, dead letters that are tried again."""

    def subject(self, collection: str) -> str:
        """Spell the subject of one collection."""
        return f"{self.family}.{collection}"

    @property
    def is_dead_letter(self) -> bool:
        """Whether it carries what could not be handled."""
        return self.family.startswith("dead.")

    def is_from(self, service: str) -> bool:
        """Tell whether a service publishes here."""
        return service == self.producer or service in self.also_from

    @property
    def stored_subjects(self) -> tuple[str, ...]:
        """What its stream takes: a command comes from another account with its user's name."""
        if self.producer != ANYBODY:
            return (self.every_subject,)
        return self.every_subject, signed("*", self.every_subject)

    @property
    def every_subject(self) -> str:
        """The subjects of all collections, as a wildcard."""
        return f"{self.family}.*"


def is_collection(name: str) -> bool:
    """Tell whether a collection may have this name."""
    return COLLECTION.fullmatch(name) is not None


def check_collection(name: str) -> str:
    """Return the name if a collection may have it.

    Raises:
        ConfigurationError: It cannot be a token of a subject.
    """
    if not is_collection(name):
        raise ConfigurationError(
            f"'{name}' cannot name a collection: use 1 to 63 of a-z, 0-9, '_' and '-', "
            "beginning with a letter or digit"
        )
    return name
