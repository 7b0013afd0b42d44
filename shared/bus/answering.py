"""Answers the questions of the table, as requests and replies of FastStream."""

from collections.abc import Awaitable, Callable
from typing import Any

from faststream.nats import NatsBroker, NatsResponse, NatsRouter
from faststream.nats.annotations import NatsMessage
from pydantic import ValidationError

from shared.bus.asking import REFUSAL
from shared.bus.registry.questions import Asked, Question, Told
from shared.bus.service_discovery import FailureMiddleware


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

    @router.subscriber(question.subject, decoder=_undecoded)
    async def tell(body: bytes) -> NatsResponse:
        try:
            asked = question.contract.model_validate_json(body or b"{}")
        except ValidationError as error:
            return NatsResponse(b"", headers={REFUSAL: _why(error)})
        told = await handler(asked)
        return NatsResponse(told.model_dump_json().encode())

    return router


async def _undecoded(message: NatsMessage) -> Any:
    return message.body


def _why(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return f"{where}: {first['msg']}"
