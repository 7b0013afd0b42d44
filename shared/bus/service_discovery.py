"""Answers NATS service discovery: who is there, and what each service tells of itself.

Each service answers ``$SRV.PING``, ``$SRV.INFO`` and ``$SRV.STATS``; the figures of its status
are the ``data`` of its endpoint, so ``nats micro stats`` shows them. Questions and answers are
requests and replies of FastStream, in the shapes of the protocol's own package.
"""

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from types import TracebackType
from typing import Annotated, Any
from uuid import uuid4

import structlog
from faststream import BaseMiddleware, Depends
from faststream.nats import NatsBroker, NatsRouter
from nats.micro.service import (
    EndpointInfo,
    EndpointStats,
    ServiceInfo,
    ServicePing,
    ServiceStats,
)

from shared.bus.connection import is_answering
from shared.bus.status import PREFIX, status_subject
from shared.clock import SystemClock

QUEUE = "q"
"""The protocol's own: of several replicas, one answers a request for the status."""
ANSWER_S = 2.0
"""How long a server that is away holds up what comes next; it is told of us when it is back."""
Answer = dict[str, Any]
log = structlog.get_logger(__name__)


class FailureMiddleware(BaseMiddleware[Any, Any]):
    """Logs why a request is not answered."""

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        """Leave the failure as it is."""
        if isinstance(exc_val, Exception):
            log.error("request.failed", error=repr(exc_val), exc_info=exc_val)
        return await super().after_processed(exc_type, exc_val, exc_tb)


async def announce(
    broker: NatsBroker,
    service: str,
    version: str,
    about: str,
    status: Callable[[], Mapping[str, Any]],
) -> None:
    """Answer service discovery until the broker is stopped; whoever asks after this is answered.

    Raises:
        NatsError: The server cannot be reached.
    """
    router = build_router(service, version, about, status)
    broker.include_router(router)
    for subscriber in router.subscribers:
        await subscriber.start()
    await is_answering(broker.connection, wait_s=ANSWER_S)


def build_router(
    service: str, version: str, about: str, status: Callable[[], Mapping[str, Any]]
) -> NatsRouter:
    """Give what answers for one service."""
    router = NatsRouter(middlewares=[FailureMiddleware])
    identity = {"id": uuid4().hex, "name": f"{PREFIX}{service}", "version": version}
    endpoint = {"name": "status", "subject": status_subject(service), "queue_group": QUEUE}
    asked = EndpointStats(
        **endpoint, num_requests=0, num_errors=0, processing_time=0, average_processing_time=0
    )
    started = SystemClock().now()

    async def told() -> Answer:
        return dict(status())

    async def ping() -> Answer:
        return ServicePing(**identity).to_dict()

    async def info() -> Answer:
        endpoints = [EndpointInfo(**endpoint)]
        return ServiceInfo(**identity, description=about, endpoints=endpoints).to_dict()

    async def stats(data: Annotated[Answer, Depends(told)]) -> Answer:
        asked.data = data
        return ServiceStats(**identity, started=started, endpoints=[asked]).to_dict()

    @router.subscriber(status_subject(service), queue=QUEUE)
    async def tell() -> Answer:
        begun = perf_counter_ns()
        answer = await told()
        asked.num_requests += 1
        asked.processing_time += perf_counter_ns() - begun
        asked.average_processing_time = asked.processing_time // asked.num_requests
        return answer

    for verb, answer in (("PING", ping), ("INFO", info), ("STATS", stats)):
        for of in ("", f".{identity['name']}", f".{identity['name']}.{identity['id']}"):
            router.subscriber(f"$SRV.{verb}{of}")(answer)
    return router
