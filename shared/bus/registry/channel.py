"""What a channel is: a family of subjects, one for each collection, and what they carry."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from shared.bus.registry.users import signed
from shared.contracts.base import Command, Event, Message
from shared.contracts.batches import ARROW
from shared.errors import ConfigurationError

ANYBODY = "anybody"
JSON = "application/json"
BYTES = "application/octet-stream"
COLLECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
EVENTS, COMMANDS = "EVENTS", "COMMANDS"


@dataclass(frozen=True, slots=True)
class Channel:
    """A row of the table: a family of subjects, ``<family>.<collection>``, and all about it."""

    family: str
    stream: str
    producer: str
    consumers: tuple[str, ...]
    about: str
    contract: type[Message] | None = None
    """The JSON body's model; none for Arrow batches and for dead letters' original bytes."""
    columns: Callable[[int], pa.Schema] | None = None
    """Of an Arrow batch whose vectors have this dimension."""
    also_from: tuple[str, ...] = ()
    """Who else publishes here: discovery, dead letters that are tried again."""
    id_prefix: str = ""
    """What the ids of its messages begin with, if that is not the family."""
    answers: "tuple[Channel, ...]" = ()
    """Of a command: on which channels it is answered."""
    looked_up_by: tuple[str, ...] = ()
    """Which services ask for its newest message, without a consumer."""
    removed_by: tuple[str, ...] = ()
    """Which services get and delete single messages of its stream."""

    def subject(self, collection: str) -> str:
        """Spell the subject of one collection."""
        return f"{self.family}.{collection}"

    def message_id(self, *parts: object) -> str:
        """Make the id of a message from what is unique about it."""
        return ":".join((self.id_prefix or self.family, *map(str, parts)))

    @property
    def content_type(self) -> str:
        """What the body is, as a media type."""
        if self.contract:
            return JSON
        return ARROW if self.columns else BYTES

    @property
    def cloud_event_type(self) -> str:
        """What the header ``ce-type`` says."""
        return f"mapstream.{self.family}"

    @property
    def is_command(self) -> bool:
        """Whether it carries what anybody may ask for."""
        return self.producer == ANYBODY

    @property
    def is_public(self) -> bool:
        """Whether anybody may read it."""
        return ANYBODY in self.consumers

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
        if not self.is_command:
            return (self.every_subject,)
        return self.every_subject, signed("*", self.every_subject)

    @property
    def every_subject(self) -> str:
        """The subjects of all collections, as a wildcard."""
        return every_of(self.family)


def event_channel(
    contract: type[Event],
    producer: str,
    about: str,
    *,
    consumers: tuple[str, ...] = (ANYBODY,),
    looked_up_by: tuple[str, ...] = (),
) -> Channel:
    """Make the row of a public event."""
    return Channel(
        contract.family,
        EVENTS,
        producer,
        consumers,
        about,
        contract=contract,
        looked_up_by=looked_up_by,
    )


def command_channel(
    contract: type[Command], service: str, about: str, *, answers: tuple[Channel, ...]
) -> Channel:
    """Make the row of a command to a service."""
    return Channel(
        contract.family, COMMANDS, ANYBODY, (service,), about, contract=contract, answers=answers
    )


def every_of(family: str) -> str:
    """Return the wildcard of a family's subjects."""
    return f"{family}.*"


def split_subject(subject: str) -> tuple[str, str]:
    """Return the family and the collection of a subject."""
    family, _, collection = subject.rpartition(".")
    return family, collection


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
