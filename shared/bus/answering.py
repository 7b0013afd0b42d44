"""Answers the questions of the table, as requests and replies of FastStream."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from faststream.nats import NatsBroker, NatsResponse, NatsRouter
from faststream.nats.annotations import NatsMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from shared.bus.asking import REFUSAL
from shared.bus.connection import BUS_ERRORS
from shared.bus.messages.headers import header_text
from shared.bus.registry.question import Asked, Question, Told
from shared.bus.service_discovery import FailureMiddleware
from shared.errors import MapstreamError

MOST_AT_ONCE = 256
"""So many questions may wait for their answers; those of who follows a list wait for seconds."""


async def answer(
    broker: NatsBroker,
    question: Question[Asked, Told],
    handler: Callable[[Asked], Awaitable[Told]],
) -> None:
    """Answer a question from now on, until the broker is stopped.

    What the handler raises is logged, and whoever asked gets no answer.

    Raises:
        NatsError: The server cannot be reached.
    """
    router = build_router(question, handler)
    broker.include_router(router)
    for subscriber in router.subscribers:
        await subscriber.start()


def build_router(
    question: Question[Asked, Told], handler: Callable[[Asked], Awaitable[Told]]
) -> NatsRouter:
    """Give what answers a question."""
    router = NatsRouter(middlewares=[FailureMiddleware])

    @router.subscriber(question.subject, decoder=_undecoded, max_workers=MOST_AT_ONCE)
    async def tell(body: bytes) -> NatsResponse:
        try:
            asked = question.contract.model_validate_json(body or b"{}")
        except ValidationError as error:
            return NatsResponse(b"", headers={REFUSAL: _why(error)})
        told = await handler(asked)
        return NatsResponse(told.model_dump_json().encode())

    return router


async def answer_about(
    connect: Callable[[], Awaitable[Client]],
    collection: str,
    question: Question[Asked, Told],
    handler: Callable[[Asked], Awaitable[Told]],
) -> None:
    """Answer a question about one collection until cancelled.

    What the handler raises as ours is told to whoever asked, instead of an answer.

    Raises:
        NatsError: The server cannot be reached.
    """

    async def tell(message: Msg) -> None:
        try:
            asked = question.contract.model_validate_json(message.data or b"{}")
            body, headers = (await handler(asked)).model_dump_json().encode(), None
        except ValidationError as error:
            body, headers = b"", {REFUSAL: _why(error)}
        except MapstreamError as error:
            body, headers = b"", {REFUSAL: header_text(error)}
        with suppress(*BUS_ERRORS):
            await client.publish(message.reply, body, headers=headers)

    client = await connect()
    subscription = await client.subscribe(question.subject_of(collection), cb=tell)
    try:
        await asyncio.Event().wait()
    finally:
        with suppress(*BUS_ERRORS):
            await subscription.unsubscribe()


async def _undecoded(message: NatsMessage) -> Any:
    return message.body


def _why(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return f"{where}: {first['msg']}"
