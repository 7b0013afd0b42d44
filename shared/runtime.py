"""Runs a service: waits for the bus, owns its state, works, and stops when it is told to."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import structlog

from shared.arguments import answer_arguments
from shared.assignments import Assignments, Resources
from shared.bus import message_metrics
from shared.bus.broker import Bus
from shared.bus.consuming.micro_batches import AFTER_WORK_S, GRACEFUL_S
from shared.bus.monitoring import look_at_bus, monitoring_urls
from shared.bus.presence import (
    EXIT_DURABLE_GONE,
    OF_ALL,
    wait_for_consumers,
)
from shared.bus.registry.channel import check_collection
from shared.bus.registry.durables import Durable
from shared.bus.registry.questions import COLLECTIONS_LIST
from shared.bus.service_discovery import announce
from shared.contracts.status_reading import STANDBY
from shared.contracts.statuses import Common, Status, Wait
from shared.errors import BeginAnew, ConfigurationError, first_leaf
from shared.following import follow
from shared.mistakes import tell
from shared.observability import metrics, place, tracing
from shared.observability.health import build_health, serving
from shared.observability.instruments import Reading
from shared.observability.logs import set_up_logs
from shared.ownership import own
from shared.preflight import (
    CHECK_OPTION,
    OPTIONS,
    Check,
    Finding,
    examine,
    nothing_left,
    require_fit,
    tell_findings,
)
from shared.redaction import guard_exceptions, redact_all
from shared.removing import Removals
from shared.settings import ServiceSettings
from shared.sharing import Sharing, take_on
from shared.waits import WAITS

STOPPING = "stopping"
RUNNING = "running"
HALTED = "halted"
"""Nothing more is given up: too much is dead already."""
log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Service:
    """A service, wired but not connected."""

    name: str
    about: str
    settings: ServiceSettings
    bus: Bus
    durables: tuple[Durable, ...] = ()
    """The durable consumers that it reads; it waits until they exist."""
    owns: tuple[Path, ...] = ()
    """Folders that only one process may change; a second process waits as a standby."""
    shares: tuple[Path, ...] = ()
    """One folder of state, if replicas share it, each working on some of the collections."""
    checks: tuple[Check, ...] = ()
    """What the place must be good for; looked at before anything is connected."""
    owns_for: Callable[[str], tuple[Path, ...]] = lambda _: ()
    """The same of a collection."""
    resources: Callable[[], AbstractAsyncContextManager[Resources]]
    """Opened once the folders are owned, closed at the end; gives what the service does."""
    told: Callable[[Common], Status] = lambda common: Status(**common)
    """Adds to what every service tells of itself what this one does."""
    gauges: Callable[[], Iterable[Reading]] = tuple
    """What its metrics tell beside what is counted; called in a thread."""
    disks: Mapping[str, Path] = field(default_factory=dict)
    """Folders whose disks its metrics tell the room of, by the names that alerts give them."""
    certificates: Mapping[str, Path | None] = field(default_factory=dict)
    """Files whose ends its metrics tell, by setting."""
    state: str = field(default="starting", init=False)
    work: Assignments | Sharing | None = field(default=None, init=False)
    """While it works: the collections, or its share of them."""

    @property
    def told_state(self) -> str:
        """What it is at; one whose replicas work on everything stands by."""
        is_standby = isinstance(self.work, Sharing) and self.work.is_standby
        return STANDBY if is_standby and self.state == RUNNING else self.state

    def is_elsewhere(self, collection: str) -> bool:
        """Tell whether a replica works on a collection, as far as is known."""
        return isinstance(self.work, Sharing) and self.work.is_elsewhere(collection)

    def keep(self, state: str) -> None:
        """Note what keeps it from running, unless it runs and merely takes up one more."""
        if self.state != RUNNING:
            self.state = state

    @property
    def folders(self) -> list[Path]:
        """All that it owns when it begins."""
        each = map(self.owns_for, self.settings.collections)
        return [*self.owns, *self.shares, *chain.from_iterable(each)]

    def status(self) -> Mapping[str, Any]:
        """Tell the state and the figures, as JSON."""
        halted = self.bus.publisher.dead_letter_limits.halted
        told = self.told(
            Common(
                service=self.name,
                state=HALTED if halted and self.state == RUNNING else self.told_state,
                halted=halted,
                waits=[Wait.model_validate(one) for one in WAITS.told()],
                traffic=message_metrics.traffic(),
            )
        )
        return redact_all(told.model_dump(mode="json"))

    def readings(self) -> Iterator[Reading]:
        """Give the gauges that every service has, and its own."""
        yield metrics.SERVICE_STATE.read(1, stage=self.name, state=self.told_state)
        yield metrics.BUILD.read(1, stage=self.name, version=_version())
        yield metrics.BUS_CONNECTED.read(self.bus.is_connected, stage=self.name)
        is_halted = self.bus.publisher.dead_letter_limits.halted is not None
        yield metrics.HALTED.read(is_halted, stage=self.name)
        yield from self.gauges()
        yield from self._place()

    def _place(self) -> Iterator[Reading]:
        """Look at what the service stands on: disks, certificates, the servers of the bus."""
        bus = self.settings.nats
        files = {"nats.tls_ca": bus.tls_ca, "nats.tls_cert": bus.tls_cert, **self.certificates}
        yield from place.disks(self.name, self.disks)
        yield from place.certificates(self.name, files)
        yield from look_at_bus(self.name, monitoring_urls(bus.monitoring_url))


def run(build: Callable[[], Service]) -> None:
    """Build a service, run it until SIGINT or SIGTERM, and exit.

    With ``--check`` it only looks at the place, and prints its findings as JSON.

    Exit codes: 0 stopped as told; 2 the configuration or the place is wrong; others are failures,
    after which the process should be started again.
    """
    guard_exceptions()
    answer_arguments(sys.argv, OPTIONS)
    if CHECK_OPTION in sys.argv[1:]:
        sys.exit(tell_findings(partial(_findings, build)))
    try:
        service = build()
        os.umask(service.settings.umask(os.umask(0o077)))
        for collection in service.settings.collections:
            check_collection(collection)
        set_up_logs(
            service.name, level=service.settings.log.level, style=service.settings.log.format
        )
        require_fit(service.checks)
        endpoint = service.settings.tracing.endpoint
        with tracing.exporting(f"mapstream-{service.name}", str(endpoint) if endpoint else None):
            _run_until_told(service)
    except ConfigurationError as error:
        sys.exit(tell(error))


def _run_until_told(service: Service) -> None:
    """Run a service in a loop of its own.

    Raises:
        ConfigurationError: It cannot start, or go on, with these settings or in this place.
        ExceptionGroup: One of its loops or consumers failed.
    """
    try:
        asyncio.run(serve(service))
    except BaseExceptionGroup as errors:
        # Not except*: in Python 3.11.2, that of Debian 12, it wraps what is raised in it.
        if errors.subgroup(BeginAnew):
            sys.exit(EXIT_DURABLE_GONE)
        if errors.split(ConfigurationError)[1]:
            raise
        raise first_leaf(errors) from None


def _findings(build: Callable[[], Service]) -> list[Finding]:
    """Build a service and look at its place.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    service = build()
    for collection in service.settings.collections:
        check_collection(collection)
    with nothing_left(service.folders):
        return examine(service.checks)


async def serve(service: Service) -> None:
    """Run a service until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: It cannot start with these settings or this state.
        ExceptionGroup: One of its loops failed.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    working = asyncio.create_task(_work(service))  # noqa: TID251  awaited below
    stopping = asyncio.create_task(stop.wait())  # noqa: TID251  cancelled below
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        log.info("service.stopping")
        service.state = STOPPING
        working.cancel()
        # Before Python 3.12, a cancellation can get lost in asyncio.wait_for, which nats-py uses.
        if not (await asyncio.wait({working}, timeout=GRACEFUL_S + AFTER_WORK_S))[0]:
            working.cancel()
    try:
        await working
    except asyncio.CancelledError:
        log.info("service.stopped")


async def _work(service: Service) -> None:
    """Open everything in order, work until cancelled, close everything in reverse order."""
    settings, bus = service.settings, service.bus
    message_metrics.begin(service.name)
    async with AsyncExitStack() as stack:
        await _listen_for_health(stack, service, settings.health.port)
        stack.push_async_callback(bus.close)
        await bus.connect()
        await announce(bus.broker, service.name, _version(), service.about, service.status)
        await own(stack, service.owns, service.keep)
        await own(stack, service.shares, service.keep, is_shared=True)
        births = await wait_for_consumers(bus, service.durables, OF_ALL, service.keep)
        resources = await stack.enter_async_context(service.resources())
        assignments = Assignments(
            bus, service.durables, service.owns_for, resources.open, service.keep
        )
        service.work = work = await take_on(stack, assignments, service.shares)
        removals = Removals(work, resources.remove, settings.collections)
        await stack.enter_async_context(removals.answering(bus))
        stack.callback(_set_stopping, service)
        await work.begin_with(settings.collections)
        await resources.begin(assignments)
        await assignments.act_for_all(resources, births).is_ready.wait()
        service.state = RUNNING
        log.info("service.running", collections=list(settings.collections))
        if service.name in COLLECTIONS_LIST.asked_by:
            await follow(
                bus,
                resources.worker or work,
                settings.collections,
                removals.closed,
                is_busy=resources.worker is None,
            )
        await asyncio.Event().wait()


async def _listen_for_health(stack: AsyncExitStack, service: Service, port: int | None) -> None:
    """Answer /health, /ready and /metrics; where the port is taken, the work goes on without."""
    if port is None:
        return
    host = service.settings.health.host
    health = build_health(service.status, service.readings)
    try:
        port = await stack.enter_async_context(serving(health, host, port, service.name))
    except OSError as error:
        log.error(  # noqa: TRY400  the log line says all
            "health.not_listening", host=host, port=port, error=str(error),
            remedy="set health.port to a free port, or to 0 for any",
        )  # fmt: skip
    else:
        log.info("health.listening", host=host, port=port)


def _set_stopping(service: Service) -> None:
    service.state = STOPPING


def _version() -> str:
    return version("mapstream")
