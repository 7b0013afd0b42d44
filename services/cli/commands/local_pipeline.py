"""Everything on one machine: a private nats-server, text2vec and every service as a process."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager

from services.cli.adapters.disk_room import measure_room
from services.cli.adapters.nats_server import (
    USER,
    address,
    new_password,
    program,
    with_password,
    write_config,
)
from services.cli.adapters.ports import is_listening, kept_port
from services.cli.adapters.processes import Ended, Process
from services.cli.commands.connection import CLIENT_NAME, URL_FILE
from services.cli.commands.stop import StoppedError, unless_stopped
from services.cli.settings import (
    CliSettings,
    RunOptions,
    has_own_embedder,
    service_environment,
)
from shared.bus.client import stay_connected
from shared.bus.connection import BUS_ERRORS, Client, jetstream, without_password
from shared.bus.registry.streams import streams_of, within
from shared.bus.topology import apply_topology, held_bytes
from shared.errors import ConfigurationError, MapstreamError, first_leaf
from shared.redaction import register
from shared.secret_files import write_secret
from shared.services import SERVICES, STAGES, Service
from shared.task_groups import TaskGroup

STOP_S = 15.0
LEANED_ON = ("nats-server", "text2vec")
LEANED_ON_STOP_S = 3.0
"""Nobody uses them any more: they have nothing to finish."""
SPARED = {one.name for one in SERVICES if one.is_on_bus} - {*STAGES}
"""Records are mapped without them."""
CLOSE_S = 1.0
TARGETS_FILE = "prometheus-targets.json"
"""Where the services answer /metrics, in the form of Prometheus's ``file_sd_configs``."""
Restarted = Callable[[Ended, float], None]


class LocalPipeline:
    """The processes of one run."""

    def __init__(
        self,
        options: RunOptions,
        settings: CliSettings,
        on_restart: Restarted,
        on_given_up: Callable[[str], None],
        on_failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._options = options
        self._settings = settings
        self._on_restart = on_restart
        self._on_given_up = on_given_up
        self._on_failed = on_failed
        self.processes: list[Process] = []
        self.url = ""
        self.gateway_url: str | None = None
        """Of the HTTP gateway, if this run has one: a run that ends by itself has none."""
        self.killed: list[str] = []
        """Processes that did not end when they were told to."""
        self._url_file = options.output / URL_FILE
        self._targets_file = options.state / TARGETS_FILE
        self._ports = ExitStack()
        self._is_back = asyncio.Event()
        self._declaring: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def started(self, stop: asyncio.Event) -> AsyncIterator[Client]:
        """Run the pipeline until the block ends; yields a connection to its bus.

        Raises:
            StoppedError: A stop was asked for before all was started.
            ConfigurationError: A process says that it cannot start with this configuration.
            MapstreamError: A process ended again and again.
        """
        try:
            with self._ports:
                async with TaskGroup() as supervisors:
                    try:
                        client = await unless_stopped(stop, self._start(supervisors))
                        yield client
                        with contextlib.suppress(*BUS_ERRORS):
                            async with asyncio.timeout(CLOSE_S):
                                await client.close()
                    finally:
                        await self._stop()
        except BaseExceptionGroup as errors:
            # Not except*: in Python 3.11.2, that of Debian 12, it wraps what is raised in it.
            if errors.split(MapstreamError)[1]:
                raise
            raise first_leaf(errors.split(StoppedError)[1] or errors) from None

    async def _start(self, supervisors: TaskGroup) -> Client:
        await self._wait_for_end_of_killed_run()
        password, monitoring = new_password(), self._free_port()
        client = await self._start_bus(supervisors, password, monitoring)
        self._declaring = supervisors.create_task(self._keep_declared(client))
        wanted = [one for one in SERVICES if self._is_wanted(one)]
        ports = {one.name: self._free_port() for one in wanted}
        environment = service_environment(
            self._options,
            self._settings,
            nats_url=self.url,
            text2vec_port=ports.get("text2vec"),
            nats_login=(USER, password),
        )
        environment["MAPSTREAM_NATS__MONITORING_URL"] = f"http://127.0.0.1:{monitoring}"
        if "gateway" in ports:
            environment["MAPSTREAM_GATEWAY__PORT"] = self._gateway_port()
        self._targets_file.write_text(targets(ports))
        for one in reversed(wanted):  # who is leaned on first, whose input they wait for last
            command = [sys.executable, "-m", f"services.{one.name}"]
            process = self._process(one.name, command, environment | _health(ports[one.name]))
            supervisors.create_task(self._supervise_service(one, process))
        return client

    def _is_wanted(self, service: Service) -> bool:
        """Tell whether this run has a service."""
        if service.name == "text2vec":
            return not has_own_embedder(self._settings)
        return not (service.outlasts_input and self._options.is_once)

    async def _start_bus(self, supervisors: TaskGroup, password: str, monitoring: int) -> Client:
        register(password)
        folder = self._options.state / "nats"
        config = write_config(folder, -1, monitoring, password=password)
        server = self._process("nats-server", [program(), "-c", str(config)], {})
        supervisors.create_task(self._supervise(server))
        self.url = await address(folder, server, password=password)
        write_secret(self._url_file, with_password(self.url, password) + "\n")
        client = await self._connect(password)
        await self._declare(client)
        return client

    async def _connect(self, password: str) -> Client:
        return await stay_connected(
            with_password(self.url, password),
            name=CLIENT_NAME,
            on_reconnected=self._note_reconnection,
        )

    def _free_port(self) -> int:
        """Choose a port that stays this run's, however long its process takes to start."""
        return self._ports.enter_context(kept_port())

    def _gateway_port(self) -> str:
        port = self._settings.gateway.port
        if not port or is_listening(port):
            port = self._free_port()
        scheme = "https" if self._settings.gateway.tls_certificate else "http"
        self.gateway_url = f"{scheme}://127.0.0.1:{port}"
        return str(port)

    async def _declare(self, client: Client) -> None:
        """Declare the streams, of a size that the disk has room for."""
        js = jetstream(client, timeout_s=20)
        streams = streams_of(self._settings.retention)
        room = measure_room(self._options.output, self._options.state / "nats")
        held = await held_bytes(js, streams)
        await apply_topology(
            js,
            [self._options.collection],
            streams=within(streams, room.for_streams, held),
            ack_wait_s=self._settings.nats.ack_wait_s,
        )

    async def _note_reconnection(self) -> None:
        self._is_back.set()

    async def _keep_declared(self, client: Client) -> None:
        """Declare the streams again when the server is back: its store may have been deleted."""
        while True:
            await self._is_back.wait()
            self._is_back.clear()
            try:
                await self._declare(client)
            except BUS_ERRORS:
                await asyncio.sleep(1)
                self._is_back.set()

    async def _supervise(self, process: Process) -> None:
        """Keep a process running.

        Its failure is told as well as raised: before Python 3.12, the cancellation with which a
        task group answers can get lost in asyncio.wait_for, and the run would go on without it.

        Raises:
            ConfigurationError: It says that it cannot start with this configuration.
            MapstreamError: It ended again and again.
        """
        try:
            await process.supervise()
        except MapstreamError as error:
            if process.name not in SPARED or isinstance(error, ConfigurationError):
                self._on_failed()
            raise

    async def _supervise_service(self, service: Service, process: Process) -> None:
        """Keep a service running; of some, the pipeline does without if they end again and again.

        Raises:
            ConfigurationError: It cannot start with its settings.
            MapstreamError: It ended again and again, and is needed.
        """
        try:
            await self._supervise(process)
        except ConfigurationError:
            raise
        except MapstreamError as error:
            if service.name not in SPARED:
                raise
            self._on_given_up(f"no {service.called}: {error}")

    async def _wait_for_end_of_killed_run(self) -> None:
        """Wait until the services of a run that was killed have ended, as they do by themselves.

        Raises:
            ConfigurationError: They go on; two servers must not share a store.
        """
        url = self._url_file.read_text().strip() if self._url_file.exists() else ""
        port = url.rsplit(":", 1)[-1]
        for _ in range(int(STOP_S / 0.1)):
            if not port.isdigit() or not is_listening(int(port)):
                return
            await asyncio.sleep(0.1)
        raise ConfigurationError(
            f"services of a run that was killed still work in {self._options.output}, with their "
            f"bus at {without_password(url)}: end them first"
        )

    def _process(self, name: str, command: list[str], environment: Mapping[str, str]) -> Process:
        log = self._options.state / "logs" / f"{name}.log"
        process = Process(
            name,
            command,
            environment,
            log,
            self._on_restart,
            max_log_bytes=self._settings.log.max_file_bytes,
        )
        self.processes.append(process)
        return process

    async def _stop(self) -> None:
        """Stop the services together, then what they lean on."""
        if self._declaring:
            self._declaring.cancel()
        for process in self.processes:
            process.will_stop()
        leaned_on = [one for one in self.processes if one.name in LEANED_ON]
        await self._end([one for one in self.processes if one not in leaned_on], STOP_S)
        await self._end(leaned_on, LEANED_ON_STOP_S)
        self._url_file.unlink(missing_ok=True)
        self._targets_file.unlink(missing_ok=True)

    async def _end(self, processes: Sequence[Process], patience_s: float) -> None:
        async with TaskGroup() as group:
            ending = {one: group.create_task(one.stop(patience_s)) for one in processes}
        self.killed += [one.name for one, ended in ending.items() if not ended.result()]


def _health(port: int | None) -> dict[str, str]:
    return {"MAPSTREAM_HEALTH__HOST": "127.0.0.1", "MAPSTREAM_HEALTH__PORT": str(port)}


def targets(ports: Mapping[str, int | None]) -> str:
    """Write for Prometheus where each service answers ``/metrics``."""
    found = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}}
        for name, port in ports.items()
    ]
    return json.dumps(found, indent=2) + "\n"
