"""Asks a service a question of the table."""

from nats.aio.client import Client
from nats.errors import NoRespondersError
from pydantic import ValidationError

from shared.bus.connection import BUS_ERRORS
from shared.bus.registry.questions import Asked, Question, Told
from shared.errors import BusAway, TransientError

REFUSAL = "Nats-Service-Error"
"""The header of an answer that says why there is none, as NATS services have it."""
ANSWER_S = 5.0


async def ask(
    client: Client, question: Question[Asked, Told], asked: Asked, *, wait_s: float = ANSWER_S
) -> Told:
    """Ask a question and return the answer.

    Args:
        client: The connection.
        question: Its row.
        asked: What is asked for.
        wait_s: How long the answer is waited for.

    Raises:
        BusAway: The bus did not answer.
        TransientError: Nobody answers, or the one who does is of another release: it refuses the
            question, or answers in another shape.
    """
    body = asked.model_dump_json(exclude_defaults=True).encode()
    try:
        reply = await client.request(question.subject, body, timeout=wait_s)
    except NoRespondersError as error:
        raise TransientError(f"{question.service} does not answer: is it running?") from error
    except BUS_ERRORS as error:
        raise BusAway(f"{question.service} did not answer: {error!r}") from error
    if refusal := (reply.headers or {}).get(REFUSAL):
        raise TransientError(f"{question.service} refuses {question.name}: {refusal}")
    try:
        return question.answer.model_validate_json(reply.data)
    except ValidationError as error:
        told = f"the answer of {question.service} to {question.name} cannot be read: {error}"
        raise TransientError(told) from error
