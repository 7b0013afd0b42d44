"""Who may say and hear what on the bus: one user per service, made from the tables.

Every subject that a client publishes to or subscribes to must be listed here, those of JetStream's
own interface included. What is not listed is refused by the server, and what a user lists is all
that can come of it in the account of the streams, whatever reply subjects it writes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from shared.bus.connection import INBOX
from shared.bus.registry import commands
from shared.bus.registry.audit import AUDIT_COMMAND
from shared.bus.registry.channel import COMMANDS, Channel
from shared.bus.registry.channels import CHANNELS, OF_A_COLLECTION
from shared.bus.registry.dead_letters import DEAD, DEAD_STREAM
from shared.bus.registry.durables import DURABLES, PER_COLLECTION, Durable
from shared.bus.registry.questions import QUESTIONS
from shared.bus.registry.streams import STREAMS
from shared.bus.registry.users import DISCOVERY, GATEWAY, OBSERVER, OPERATOR, STREAMS_USER, api_of
from shared.bus.status import PREFIX, STATS, status_subject, to_others
from shared.services import ON_BUS, SERVICES, Service

ACK = "$JS.ACK"
COPYING = ("$JS.SNAPSHOT.ACK.>", "$JS.SNAPSHOT.RESTORE.>")
"""Where parts of a stream's copy are acknowledged and handed in."""
ADVISORIES = "$JS.EVENT.ADVISORY.>"
DISCOVERY_OF_SERVICES = ("$SRV.PING", "$SRV.INFO", STATS)
LOOKING = (
    "INFO",
    "STREAM.NAMES",
    "STREAM.LIST",
    "STREAM.INFO.*",
    "STREAM.MSG.GET.*",
    "CONSUMER.NAMES.*",
    "CONSUMER.LIST.*",
    "CONSUMER.INFO.*.*",
)
"""What JetStream is asked by somebody who only wants to see."""
DECLARING = ("CONSUMER.CREATE.>", "CONSUMER.DURABLE.CREATE.>", "CONSUMER.DELETE.>")
CONNECTIONS_OF_OTHERS = 256
"""Of a user that is no service: a quarter of what the server takes (``max_connections``)."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the bus and all that it may do."""

    name: str
    about: str
    says: tuple[str, ...] = ()
    """Subjects of the streams that it publishes to, acknowledgements included."""
    commands: tuple[str, ...] = ()
    """The same; the streams' account learns from whom."""
    api: tuple[str, ...] = ()
    """What it asks JetStream for: subjects without what they begin with."""
    hears: tuple[Channel, ...] = ()
    """Channels that it subscribes to."""
    asks: Mapping[str, str] = field(default_factory=dict)
    """Where it asks, and at which subject the services answer it."""
    answers: tuple[str, ...] = ()
    """Subjects at which it answers, each question once."""
    hears_advisories: bool = False
    most_connections: int | None = None
    """At a time; nothing for a service, of which there are as many as somebody starts."""

    @property
    def publishes(self) -> tuple[str, ...]:
        """All subjects that it may publish to, as it spells them."""
        api = (f"{api_of(self.name)}.{verb}" for verb in self.api)
        of_itself = (one for one in self.asks.values() if one in self.answers)
        return *self.says, *self.commands, *api, *self.asks, *of_itself

    @property
    def subscribes(self) -> tuple[str, ...]:
        """All subjects that it may subscribe to."""
        heard = (channel.every_subject for channel in self.hears)
        advisories = (ADVISORIES,) if self.hears_advisories else ()
        return f"{INBOX}.{self.name}.>", *heard, *advisories, *self.answers


def users() -> list[User]:
    """List all users, for every collection that there is or will be."""
    return [
        *(_service(one) for one in SERVICES if one.is_on_bus),
        _operator(),
        _observer(),
        _streams(),
    ]


def _service(service: Service) -> User:
    """Publish and read what the tables say; who reads what is public makes no consumers."""
    name = service.name
    read = _of_streams(_public()) if service.reads_public else []
    mine = [durable for durable in DURABLES if durable.service == name]
    watched = [
        one for one in DURABLES if one in mine or name in (*one.watched_by, *one.told_once_by)
    ]
    api = [
        *(f"CONSUMER.INFO.{one}" for one in _consumers(watched)),
        *(f"CONSUMER.MSG.NEXT.{one}" for one in _consumers(mine)),
        *(
            f"STREAM.MSG.GET.{stream}"
            for stream in _of_streams(one for one in CHANNELS if name in one.looked_up_by)
        ),
        *(
            f"STREAM.MSG.{verb}.{stream}"
            for stream in _of_streams(one for one in CHANNELS if name in one.removed_by)
            for verb in ("GET", "DELETE")
        ),
        *(f"{verb}.{stream}" for stream in read for verb in ("STREAM.INFO", "DIRECT.GET")),
    ]
    user = User(
        name,
        f"The service {name}: its row of the table.",
        (
            *(channel.every_subject for channel in CHANNELS if channel.is_from(name)),
            *(f"{ACK}.{one}.>" for one in _consumers(mine)),
        ),
        commands=_commands() if service.gives_commands else (),
        api=tuple(api),
        asks=_asked_by(name),
        answers=_answered_by(name),
    )
    if name == DISCOVERY:
        return replace(user, api=(*user.api, *_making_consumers(), *_purging()))
    return _gateway(user) if name == GATEWAY else user


def _making_consumers() -> Iterator[str]:
    """Make and delete those of collections, which come and go with their work.

    Before they go, it is asked what their streams and that of commands have for them.

    Whoever makes a consumer may have it deliver to any subject: of what it publishes to these
    streams, who may do that can forge anything.
    """
    for stream in dict.fromkeys(one.stream for one in DURABLES if one.is_per_collection):
        yield f"CONSUMER.DURABLE.CREATE.{stream}.*"
        yield f"CONSUMER.DELETE.{stream}.*"
        yield f"STREAM.INFO.{stream}"
    yield f"STREAM.INFO.{COMMANDS}"


def _purging() -> Iterator[str]:
    """Take out what streams have of a collection that is deleted.

    The server cannot be told of which subject, so whoever may do that may empty the stream.
    """
    yield from (f"STREAM.PURGE.{one}" for one in _of_streams(OF_A_COLLECTION))


def _gateway(user: User) -> User:
    """Add dead letters, audited commands, what waits, and what the others tell of themselves."""
    read = (DEAD_STREAM, AUDIT_COMMAND.stream)
    return replace(
        user,
        about="The HTTP gateway: public streams, dead letters, audited commands, status and "
        "commands.",
        api=(
            *user.api,
            *(f"{verb}.{stream}" for stream in read for verb in ("STREAM.INFO", "DIRECT.GET")),
            f"STREAM.MSG.GET.{DEAD_STREAM}",
            *(f"CONSUMER.INFO.{one}" for one in _consumers(PER_COLLECTION)),
        ),
        asks={to_others(STATS): STATS, **user.asks},
    )


def _operator() -> User:
    """Look at everything, publish commands; change no streams, forge no records."""
    kept = [stream.name for stream in STREAMS if stream.is_kept]
    return User(
        OPERATOR,
        "Whoever runs the system: mapstream status, refit, streams show; nats micro.",
        commands=_commands(),
        api=(*LOOKING, *(f"DIRECT.GET.{name}" for name in kept)),
        hears=(*_public(), *commands.CHANNELS, *DEAD.values()),
        asks=_asked_by(OPERATOR) | {one: one for name in ON_BUS for one in _about_itself(name)},
        hears_advisories=True,
        most_connections=CONNECTIONS_OF_OTHERS,
    )


def _observer() -> User:
    """Hear the public subjects and get single messages; changes nothing on the server."""
    return User(
        OBSERVER,
        "Other programs: the events and points, and nothing else.",
        api=tuple(
            f"{verb}.{stream}"
            for stream in _of_streams(_public())
            for verb in ("STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET")
        ),
        hears=_public(),
        most_connections=CONNECTIONS_OF_OTHERS,
    )


def _streams() -> User:
    """Declare streams and consumers, and move them; whoever may do that may forge anything."""
    verbs = ("CREATE", "UPDATE", "SNAPSHOT", "RESTORE")
    declared = [f"STREAM.{verb}.{one.name}" for one in STREAMS for verb in verbs]
    purged = [f"STREAM.PURGE.{one.name}" for one in STREAMS if not one.is_kept]
    return User(
        STREAMS_USER,
        "Only for mapstream streams apply, export and import: it can change what streams hold.",
        COPYING,
        api=(*LOOKING, *declared, *purged, *DECLARING),
    )


def _asked_by(user: str) -> dict[str, str]:
    """Return at which subjects a user asks the questions of the table."""
    return {one.subject: one.subject for one in QUESTIONS if user in one.asked_by}


def _answered_by(service: str) -> tuple[str, ...]:
    """Return at which subjects a service is asked."""
    own = (one.subject for one in QUESTIONS if one.service == service)
    return *_about_itself(service), *own


def _about_itself(service: str) -> tuple[str, ...]:
    """Return at which subjects a service is asked about itself."""
    asked = [
        f"{verb}{of}"
        for verb in DISCOVERY_OF_SERVICES
        for of in ("", f".{PREFIX}{service}", f".{PREFIX}{service}.*")
    ]
    return *asked, status_subject(service)


def _consumers(durables: Iterable[Durable]) -> list[str]:
    """Name durable consumers with their streams, each once; those of collections by a wildcard.

    A wildcard is a whole token, so it names all consumers of the stream. A stream with those of
    collections has one service that reads it, but SETTLED, whose two could read for each other.
    """
    names = [f"{one.stream}.{'*' if one.is_per_collection else one.name('')}" for one in durables]
    return list(dict.fromkeys(names))


def _public() -> tuple[Channel, ...]:
    return tuple(channel for channel in CHANNELS if channel.is_public)


def _of_streams(channels: Iterable[Channel]) -> list[str]:
    """Name the streams of channels, each once."""
    return list(dict.fromkeys(channel.stream for channel in channels))


def _commands() -> tuple[str, ...]:
    return tuple(channel.every_subject for channel in commands.CHANNELS)


def password_variable(user: str) -> str:
    """Name the variable that holds a user's password in the environment of nats-server."""
    return f"NATS_{user.upper()}_PASSWORD"
