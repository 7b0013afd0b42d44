"""The users as nats-server reads them: an account each, and what these have of each other."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.bus.permissions import ADVISORIES, User, password_variable, users
from shared.bus.registry.channel import ANYBODY, Channel
from shared.bus.registry.questions import REMOVALS
from shared.bus.registry.users import (
    APART,
    OWN_API,
    SERVER_API,
    STREAMS_ACCOUNT,
    account_of,
    signed,
)

MANY_ANSWERS = (
    "$JS.API.CONSUMER.MSG.NEXT.",
    "$JS.API.DIRECT.GET.",
    "$SRV.",
    f"mapstream.{REMOVALS}",
)
"""Requests that are answered more than once."""
LONGEST_PAUSE = "60s"
"""Between two of the answers; a puller has a sign of life each second, and asks anew each ten."""
HEAD = """\
# Who may say and hear what, made from the table of subjects in shared/bus/registry by:
#   mapstream streams permissions
# Each user has an account of its own. What its account does not import does not exist for it, and
# an answer goes to its own account, whatever reply subject it asked for: see docs/security.md.
# Passwords come from passwords.conf beside this file, or else from the environment of nats-server.
include "passwords.conf"
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A subject of one account that another one may use."""

    kind: str
    """``service``, that the other publishes to; ``stream``, that the other hears."""
    owner: str
    subject: str
    user: str
    local: str
    """How the other spells it."""


def nats_accounts() -> str:
    """Write accounts, users and permissions, with passwords from the server's environment."""
    known = users()
    shares = [one for user in known if user.name in APART for one in _shares(user, known)]
    blocks = [_account(STREAMS_ACCOUNT, known, shares)]
    blocks += [
        _account(account_of(user.name), known, shares) for user in known if user.name in APART
    ]
    return f"{HEAD}accounts: {{\n{''.join(blocks)}}}\n"


def _shares(user: User, known: Sequence[User]) -> Iterator[Share]:
    """List what a user has of other accounts."""
    yield from _of_the_streams(user)
    for local, subject in user.asks.items():
        for other in known:
            if subject in other.answers and other is not user:
                yield Share("service", account_of(other.name), subject, user.name, local)
    for channel in user.hears:
        subject = channel.every_subject
        for name in _speakers(channel, known):
            if name != user.name:
                yield Share("stream", account_of(name), subject, user.name, subject)


def _of_the_streams(user: User) -> Iterator[Share]:
    """List what a user has of the account of the streams."""
    spelled = {
        **{subject: subject for subject in user.says},
        **{signed(user.name, subject): subject for subject in user.commands},
        **{f"{SERVER_API}.{verb}": f"{OWN_API}.{verb}" for verb in user.api},
    }
    for subject, local in spelled.items():
        yield Share("service", STREAMS_ACCOUNT, subject, user.name, local)
    if user.hears_advisories:
        yield Share("stream", STREAMS_ACCOUNT, ADVISORIES, user.name, ADVISORIES)


def _speakers(channel: Channel, known: Sequence[User]) -> list[str]:
    """Name who publishes on a channel: it is heard from there, before it is stored."""
    if channel.producer == ANYBODY:
        return [user.name for user in known if channel.every_subject in user.commands]
    return [channel.producer]


def _account(name: str, known: Sequence[User], shares: Iterable[Share]) -> str:
    inside = [user for user in known if account_of(user.name) == name]
    has_streams = name == STREAMS_ACCOUNT
    limits = [user.most_connections for user in inside if user.most_connections]
    exported: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in shares:
        if one.owner == name:
            exported[one.kind, one.subject].append(account_of(one.user))
    imported = [one for one in shares if account_of(one.user) == name]
    return (
        f"  {name}: {{\n"
        + ("    jetstream: enabled\n" if has_streams else "")
        + (f"    limits: {{ max_connections: {limits[0]} }}\n" if limits else "")
        + _list("users", map(_user, inside))
        + _list("exports", (_export(*of, to) for of, to in exported.items()))
        + _list("imports", map(_import, imported))
        + "  }\n"
    )


def _list(name: str, entries: Iterable[str]) -> str:
    lines = "".join(entries)
    return f"    {name}: [\n{lines}    ]\n" if lines else ""


def _export(kind: str, subject: str, accounts: Sequence[str]) -> str:
    several = (
        f", response_type: stream, response_threshold: {LONGEST_PAUSE}"
        if kind == "service" and subject.startswith(MANY_ANSWERS)
        else ""
    )
    return f'      {{ {kind}: "{subject}", accounts: [{", ".join(accounts)}]{several} }}\n'


def _import(one: Share) -> str:
    local = f', to: "{one.local}"' if one.local != one.subject else ""
    of = f'{{ account: {one.owner}, subject: "{one.subject}" }}'
    return f"      {{ {one.kind}: {of}{local} }}\n"


def _user(user: User) -> str:
    return f"""\
      {{
        # {user.about}
        user: "{user.name}"
        password: ${password_variable(user.name)}
        permissions: {{
          publish: {{
{_rule(user.publishes)}          }}
          subscribe: {{
{_rule(user.subscribes)}          }}
{_answering() if user.answers else ""}        }}
      }}
"""


def _rule(subjects: Iterable[str]) -> str:
    lines = "".join(f'              "{one}"\n' for one in subjects)
    return f"            allow: [\n{lines}            ]\n"


def _answering() -> str:
    return '          allow_responses: { max: 1, expires: "10s" }\n'
