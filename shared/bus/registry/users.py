"""The users of the bus by name, and the accounts that keep them apart.

JetStream answers a request wherever its reply subject says, and the server does not ask whether
whoever wrote it may publish there. So each user has an account of its own, in which nobody else
listens: the streams are in another one, of which it has exactly the subjects that it needs.
"""

from shared.services import ON_BUS

DISCOVERY, EMBEDDING = "discovery", "embedding"
PROJECTION, WRITING = "projection", "writing"
COURIER = "courier"
GATEWAY, OPERATOR, OBSERVER = "gateway", "operator", "observer"
APART = (*ON_BUS, OPERATOR, OBSERVER)
"""Who has an account of its own."""
STREAMS_USER = "streams"
"""Who declares the streams, in the account that has them."""
STREAMS_ACCOUNT = "MAPSTREAM"

SERVER_API = "$JS.API"
OWN_API = "mapstream.api"
"""What requests to JetStream begin with in the other accounts, where the server says of its own
name that JetStream is not enabled."""
OTHERS = "mapstream.others"
"""What questions to the other services begin with, for one that is asked the same."""
SIGNED = "by"
"""What the subject of a command begins with, before the user whose account it came from."""


def account_of(user: str) -> str:
    """Name the account of a user."""
    return user.upper() if user in APART else STREAMS_ACCOUNT


def api_of(user: str | None) -> str:
    """Return what this user's requests to JetStream begin with."""
    return OWN_API if user in APART else SERVER_API


def unsigned(subject: str) -> tuple[str | None, str]:
    """Return whose account a command came from, if any other, and the subject it was sent to."""
    first, _, rest = subject.partition(".")
    if first != SIGNED:
        return None, subject
    user, _, sent_to = rest.partition(".")
    return user, sent_to


def signed(user: str, subject: str) -> str:
    """Return the subject that a user's command has in the account of the streams."""
    return f"{SIGNED}.{user}.{subject}"
