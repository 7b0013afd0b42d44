"""Asks a service a question of the table."""

import asyncio

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from pydantic import ValidationError

from shared.bus.connection import BUS_ERRORS
from shared.bus.registry.question import Asked, Question, Told
from shared.errors import BusAway, TransientError

REFUSAL = "Nats-Service-Error"
"""The header of an answer that says why there is none, as NATS services have it."""
ANSWER_S = 5.0
MORE_S = 1.0
"""How long other processes may take to answer after the first."""
NO_RESPONDERS = "503"


async def ask(
    client: Client,
    question: Question[Asked, Told],
    asked: Asked,
    *,
    of: str | None = None,
    wait_s: float = ANSWER_S,
) -> Told:
    """Ask a question and return the answer.

    Args:
        client: The connection.
        question: Its row.
        asked: What is asked for.
        of: The collection that it is about, if it is about one.
        wait_s: How long the answer is waited for.

    Raises:
        BusAway: The bus did not answer.
        TransientError: Nobody answers, or the one who does is of another release: it refuses the
            question, or answers in another shape.
    """
    body = asked.model_dump_json(exclude_defaults=True).encode()
    subject = question.subject if of is None else question.subject_of(of)
    try:
        reply = await client.request(subject, body, timeout=wait_s)
    except NoRespondersError as error:
        raise TransientError(f"{question.service} does not answer: is it running?") from error
    except BUS_ERRORS as error:
        raise BusAway(_silence(question.service, error, wait_s)) from error
    return _read(question, reply)


async def ask_all(
    client: Client,
    question: Question[Asked, Told],
    asked: Asked,
    *,
    wait_s: float = ANSWER_S,
    more_s: float = MORE_S,
) -> list[Told]:
    """Ask every process of a service, and return the answers: one at least.

    How many there are nobody knows: after the first answer the others have a while.

    Raises:
        BusAway: The bus did not answer.
        TransientError: Nobody answers, or one who does is of another release.
    """
    replies: asyncio.Queue[Msg] = asyncio.Queue()
    inbox = client.new_inbox()
    try:
        subscription = await client.subscribe(inbox, cb=replies.put)
        try:
            body = asked.model_dump_json(exclude_defaults=True).encode()
            await client.publish(question.subject, body, reply=inbox)
            async with asyncio.timeout(wait_s):
                found = [await replies.get()]
            await asyncio.sleep(more_s)
        finally:
            await subscription.unsubscribe()
    except BUS_ERRORS as error:
        raise BusAway(_silence(question.service, error, wait_s)) from error
    while not replies.empty():
        found.append(replies.get_nowait())
    told = [_read(question, one) for one in found if not _is_nobody(one)]
    if not told:  # the server says that nobody is there
        raise TransientError(f"{question.service} does not answer: is it running?")
    return told


def _silence(service: str, error: Exception, wait_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"{service} did not answer within {wait_s:g} s: it is busy or stands; see its log"
    return f"{service} did not answer: {error!r}"


def _is_nobody(reply: Msg) -> bool:
    """Tell whether it is the server that says that nobody is there."""
    return (reply.headers or {}).get("Status") == NO_RESPONDERS


def _read(question: Question[Asked, Told], reply: Msg) -> Told:
    """Read an answer.

    Raises:
        TransientError: It is none.
    """
    if refusal := (reply.headers or {}).get(REFUSAL):
        raise TransientError(f"{question.service} refuses {question.name}: {refusal}")
    try:
        return question.answer.model_validate_json(reply.data)
    except ValidationError as error:
        told = f"the answer of {question.service} to {question.name} cannot be read: {error}"
        raise TransientError(told) from error
