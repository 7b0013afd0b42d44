"""Who may say and hear what on the bus: one user per service, made from the tables.

Every subject that a client publishes to or subscribes to must be listed here, those of JetStream's
own interface included. What is not listed is refused by the server.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.bus.channel import Channel
from shared.bus.channels import CHANNELS, DEAD, DEAD_STREAM, PROJECTION_UPDATED
from shared.bus.connection import INBOX
from shared.bus.durables import (
    BATCHES_ON_THEIR_WAY,
    DURABLES,
    PROJECTION_READS_RETRACTIONS,
    Durable,
)
from shared.bus.status import PREFIX, STATS, status_subject
from shared.bus.streams import STREAMS

ANYBODY = "anybody"
API = "$JS.API"
OPERATOR = "operator"
OBSERVER = "observer"
GATEWAY = "gateway"
DISCOVERY = "discovery"
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
REMEMBERED = {"embedding": (PROJECTION_UPDATED,)}
"""Of which channels a service looks up the newest message, without a consumer."""

WATCHED = {
    # Whether anything is under way, before a lost batch is sent again.
    "discovery": DURABLES,
    # Whether vectors have left the moments, before they leave the dataset; and whether nothing
    # is on its way, so that the files may be written at once.
    "writing": (PROJECTION_READS_RETRACTIONS, *BATCHES_ON_THEIR_WAY),
}
"""Whose durable consumers a service looks at, beside its own."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the bus and all that it may do."""

    name: str
    about: str
    publishes: tuple[str, ...] = ()
    never_publishes: tuple[str, ...] = ()
    """Exceptions from ``publishes``."""
    subscribes: tuple[str, ...] = ()
    is_asked: bool = False
    """Whether it answers requests, each once, wherever the answer is wanted."""


def users(collections: Sequence[str]) -> list[User]:
    """List all users, for the durable consumers of these collections.

    Subjects are those of every collection. Consumers are named one by one: a wildcard cannot tell
    one service's from another's.
    """
    stages = sorted({durable.service for durable in DURABLES})
    return [
        *(_stage(name, collections) for name in stages),
        _gateway(collections),
        _operator(),
        _observer(),
    ]


def _stage(name: str, collections: Sequence[str]) -> User:
    mine = [durable for durable in DURABLES if durable.service == name]
    watched = [one for one in DURABLES if one in mine or one in WATCHED.get(name, ())]
    publishes = [
        *(channel.every_subject for channel in CHANNELS if channel.is_from(name)),
        *(f"{API}.CONSUMER.INFO.{one}" for one in _consumers(watched, collections)),
        *(f"{API}.CONSUMER.MSG.NEXT.{one}" for one in _consumers(mine, collections)),
        *(f"$JS.ACK.{one}.>" for one in _consumers(mine, collections)),
        *(f"{API}.STREAM.MSG.GET.{one.stream}" for one in REMEMBERED.get(name, ())),
    ]
    if name == DISCOVERY:  # replays and drops single dead letters
        publishes += [f"{API}.STREAM.MSG.{verb}.{DEAD_STREAM}" for verb in ("GET", "DELETE")]
    return User(
        name,
        f"The service {name}: its row of the table.",
        tuple(publishes),
        subscribes=_heard(name),
        is_asked=True,
    )


def _gateway(collections: Sequence[str]) -> User:
    """Read public streams and dead letters with consumers of its own, publish commands."""
    read = [*_public_streams(), DEAD_STREAM]
    publishes = [
        *(channel.every_subject for channel in _commands()),
        STATS,
        *(one for stream in read for one in _reading(stream)),
        f"{API}.STREAM.MSG.GET.{DEAD_STREAM}",
    ]
    others = [durable for durable in DURABLES if durable.stream in read]
    never = [
        f"{API}.CONSUMER.{verb}.{one}"
        for one in _consumers(others, collections)
        for verb in ("CREATE", "DELETE", "MSG.NEXT")
    ]
    never += [f"{API}.CONSUMER.CREATE.{one}.>" for one in _consumers(others, collections)]
    return User(
        GATEWAY,
        "The HTTP gateway: public streams, dead letters, status and commands.",
        tuple(publishes),
        tuple(never),
        _heard(GATEWAY),
        is_asked=True,
    )


def _operator() -> User:
    """Declare streams and consumers, look at everything, publish commands; forge no records."""
    publishes = [
        *(channel.every_subject for channel in _commands()),
        *(f"{verb}{of}" for verb in DISCOVERY_OF_SERVICES for of in ("", ".>")),
        status_subject("*"),
        *(f"{API}.STREAM.{verb}.{one.name}" for one in STREAMS for verb in ("CREATE", "UPDATE")),
        *(f"{API}.{verb}" for verb in LOOKING),
        *(f"{API}.CONSUMER.{verb}" for verb in ("CREATE.>", "DURABLE.CREATE.>", "DELETE.>")),
    ]
    for stream in (*_public_streams(), DEAD_STREAM):
        publishes += [
            f"{API}.CONSUMER.MSG.NEXT.{stream}.*",
            f"$JS.ACK.{stream}.>",
            f"$JS.FC.{stream}.>",
        ]
    heard = [channel.every_subject for channel in (*_public(), *_commands(), *DEAD.values())]
    return User(
        OPERATOR,
        "Whoever runs the system: mapstream streams, status, refit; nats stream and nats micro.",
        tuple(publishes),
        subscribes=(f"{INBOX}.{OPERATOR}.>", *heard, "$JS.EVENT.ADVISORY.>"),
    )


def _observer() -> User:
    """Hear the public subjects and get single messages; changes nothing on the server.

    It makes no consumers: whoever makes one may have it delivered to any subject, and may change
    one that is there.
    """
    gets = [
        f"{API}.STREAM.{verb}.{stream}"
        for stream in _public_streams()
        for verb in ("INFO", "MSG.GET")
    ]
    return User(
        OBSERVER,
        "Other programs: the events and points, and nothing else.",
        tuple(gets),
        subscribes=(f"{INBOX}.{OBSERVER}.>", *(one.every_subject for one in _public())),
    )


def _heard(service: str) -> tuple[str, ...]:
    """Return what a service listens to: answers to it, and questions about it."""
    asked = [
        f"{verb}{of}"
        for verb in DISCOVERY_OF_SERVICES
        for of in ("", f".{PREFIX}{service}", f".{PREFIX}{service}.*")
    ]
    return f"{INBOX}.{service}.>", *asked, status_subject(service)


def _reading(stream: str) -> Iterator[str]:
    """List what it takes to read a stream with consumers that have a name."""
    yield f"{API}.STREAM.INFO.{stream}"
    yield f"{API}.CONSUMER.CREATE.{stream}.>"
    for verb in ("INFO", "DELETE", "MSG.NEXT"):
        yield f"{API}.CONSUMER.{verb}.{stream}.*"


def _consumers(durables: Iterable[Durable], collections: Sequence[str]) -> list[str]:
    """Name durable consumers with their streams, each once."""
    names = [
        f"{durable.stream}.{durable.name(collection)}"
        for durable in durables
        for collection in collections
    ]
    return list(dict.fromkeys(names))


def _public() -> list[Channel]:
    return [channel for channel in CHANNELS if ANYBODY in channel.consumers]


def _public_streams() -> list[str]:
    return list(dict.fromkeys(channel.stream for channel in _public()))


def _commands() -> list[Channel]:
    return [channel for channel in CHANNELS if channel.producer == ANYBODY]


def nats_users(collections: Sequence[str]) -> str:
    """Write the users as nats-server reads them; passwords come from elsewhere."""
    return f"{HEAD}users: [\n{''.join(map(_written, users(collections)))}]\n"


HEAD = """\
# Who may say and hear what, made from the table of subjects in shared/bus/channels.py by:
#   mapstream streams permissions
# What is not listed is refused. Passwords come from passwords.conf beside this file, or else from
# the environment of nats-server.
include "passwords.conf"
"""


def _written(user: User) -> str:
    publish = _rule("allow", user.publishes) + _rule("deny", user.never_publishes)
    return f"""\
  {{
    # {user.about}
    user: "{user.name}"
    password: ${password_variable(user.name)}
    permissions: {{
      publish: {{
{publish}      }}
      subscribe: {{
{_rule("allow", user.subscribes)}      }}
{_answering() if user.is_asked else ""}    }}
  }}
"""


def _rule(word: str, subjects: Iterable[str]) -> str:
    lines = "".join(f'          "{one}"\n' for one in subjects)
    return f"        {word}: [\n{lines}        ]\n" if lines else ""


def _answering() -> str:
    return '      allow_responses: { max: 1, expires: "10s" }\n'


def password_variable(user: str) -> str:
    """Name the variable that holds a user's password in the environment of nats-server."""
    return f"NATS_{user.upper()}_PASSWORD"
