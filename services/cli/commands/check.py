"""``mapstream check``: everything that ``mapstream run`` looks at before it starts anything."""

import asyncio
import errno
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from services.cli.adapters.disk_room import measure_room
from services.cli.adapters.nats_server import program
from services.cli.adapters.settings_reader import settings_faults
from services.cli.commands.run_lock import LOCK, in_use
from services.cli.domain.room import gigabytes
from services.cli.settings import (
    CliSettings,
    RunOptions,
    configuration_name,
    has_own_embedder,
    load_cli_settings,
    service_environment,
)
from shared.bus.registry.channel import check_collection
from shared.contracts.base import DEFAULT_COLLECTION
from shared.environment import ENVIRONMENT
from shared.errors import EXIT_CONFIGURATION, ConfigurationError, Unfit
from shared.locking import take_lock
from shared.preflight import (
    CHECK_OPTION,
    Check,
    Finding,
    examine,
    faults_of,
    folder_checks,
    nothing_left,
)
from shared.redaction import redact, redact_all
from shared.services import ALL
from shared.task_groups import TaskGroup
from shared.terminal_safe import terminal_safe

LONGEST_S = 300.0
"""So long may a service take to load and look around, on a machine that has much else to do."""
SOMEWHERE = "nats://127.0.0.1:4222"
"""An address that is none yet: the run's own server will have one."""


async def check(options: RunOptions, config: Path | None) -> int:
    """Look at everything, start nothing that lasts, and print what was found.

    Returns:
        The exit code: 0 all is well; 2 a run could not start.
    """
    found: list[Finding] = []
    with nothing_left([options.state, options.output / options.collection]):
        settings = None
        try:
            settings = await load_all(options, config)
        except ConfigurationError as error:
            found += faults_of(error)
        else:
            found.append(
                Finding(
                    subject="configuration", is_ok=True, found=f"is well ({configuration_name()})"
                )
            )
        found += examine([*run_checks(options, settings), Check("runs", partial(_alone, options))])
        if settings is not None:
            found += await service_findings(options, settings)
    _print(list(dict.fromkeys(found)), is_json=options.is_json)
    return 0 if all(finding.is_ok for finding in found) else EXIT_CONFIGURATION


async def load_all(options: RunOptions, config: Path | None) -> CliSettings:
    """Read the settings of the command line and of every service.

    Raises:
        ConfigurationError: Says in a line each what is wrong with them, of whomever.
    """
    settings, found = None, list[str]()
    try:
        settings = load_cli_settings(config)
    except ConfigurationError as error:
        found += str(error).splitlines()
    try:
        check_collection(options.collection)
    except ConfigurationError as error:
        found.append(str(error))
        options = replace(options, collection=DEFAULT_COLLECTION)
    environment = _environment(options, settings)
    found += await settings_faults(ALL, environment)
    if settings is None or found:
        raise ConfigurationError("\n".join(dict.fromkeys(found)))
    return settings


def input_checks(options: RunOptions, settings: CliSettings | None) -> Iterator[Check]:
    """List what must be right about what was asked for."""
    yield Check("--collection", partial(_name, options.collection))
    yield Check("sources", partial(_sources, options, settings))
    for path in options.paths:
        yield Check(f"{path}", partial(_readable, path))


def run_checks(options: RunOptions, settings: CliSettings | None) -> Iterator[Check]:
    """List what a run needs of its input and its place."""
    yield from input_checks(options, settings)
    yield Check("nats-server", program)
    yield Check(f"{options.output}", partial(_room, options))
    yield from folder_checks(options.state, "--output", has_database=True)
    yield from folder_checks(options.output / options.collection, "--output", has_links=True)
    if settings is not None and not options.is_once:
        yield Check("gateway.port", partial(_port, settings.gateway.port))


async def service_findings(options: RunOptions, settings: CliSettings) -> list[Finding]:
    """Have every service of a run look at its place."""
    environment = _environment(options, settings)
    names = [one for one in ALL if one != "text2vec" or not has_own_embedder(settings)]
    async with TaskGroup() as group:
        asked = [group.create_task(_ask(name, environment)) for name in names]
    return [finding for one in asked for finding in one.result()]


def _environment(options: RunOptions, settings: CliSettings | None) -> Mapping[str, str]:
    """Return what the services of the run will have, as far as that is known now."""
    if settings is None:
        return ENVIRONMENT
    port = None if has_own_embedder(settings) else 1
    return service_environment(options, settings, nats_url=SOMEWHERE, text2vec_port=port)


async def _ask(name: str, environment: Mapping[str, str]) -> Sequence[Finding]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{name}", CHECK_OPTION, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LONGEST_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        return [Finding(subject=name, is_ok=False, found=f"says nothing in {LONGEST_S:.0f} s")]
    try:
        told = json.loads(out)
    except ValueError:
        words = err.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        return [Finding(subject=name, is_ok=False, found=words or "it does not start")]
    well = [Finding(subject=name, is_ok=True, found="can start")] if not process.returncode else []
    return [*(Finding(is_ok=one.pop("ok"), **one) for one in told), *well]


def _name(collection: str) -> str:
    check_collection(collection)
    return "can name a map"


def _sources(options: RunOptions, settings: CliSettings | None) -> str:
    if options.paths:
        return f"{len(options.paths)} given"
    if settings is not None and settings.ingestion.sources:
        return f"{len(settings.ingestion.sources)} in {configuration_name()}"
    if settings is None:
        return "the configuration cannot be read"
    raise ConfigurationError(
        "nothing to read: give a folder or file, or list ingestion.sources in a file and "
        f"name it with --config (read: {configuration_name()})"
    )


def _readable(path: Path) -> str:
    try:
        is_there = path.exists()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if not is_there:
        raise Unfit(
            f"{path}",
            found="no such file or folder",
            needed="a folder or file to read",
            remedy="check the path, and that its disk is mounted",
        )
    needed = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
    if not os.access(path, needed):
        raise Unfit(
            f"{path}",
            found="may not be read",
            needed=f"the right to read it, for user {os.getuid()}",
            remedy="change its rights, or run as who may",
        )
    return "can be read"


def _room(options: RunOptions) -> str:
    try:
        room = measure_room(options.output, options.state / "nats")
    except OSError as error:
        return f"does not tell how much is free: {error.strerror}"
    if not room.is_enough:
        raise Unfit(
            f"{options.output}",
            found=f"{gigabytes(room.free)} free on its disk",
            needed=gigabytes(room.needed),
            remedy="make room, or point --output to another disk",
        )
    return f"{gigabytes(room.free)} free on its disk, of {gigabytes(room.needed)} needed"


def _port(port: int) -> str:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{port} is taken; another one will be used"
            raise Unfit(
                "gateway.port",
                found=f"{port} cannot be listened on: {error.strerror}",
                needed="a port that this user may have, such as 1024 to 65535, or 0 for any",
                remedy="set MAPSTREAM_GATEWAY__PORT, or gateway.port in the configuration's file",
            ) from error
    return f"{port or 'any'} is free"


def _alone(options: RunOptions) -> str:
    """Look whether another run is at work in the folder.

    Raises:
        ConfigurationError: One is.
    """
    file = options.state / LOCK
    if file.exists():
        with file.open("a") as lock:
            if not take_lock(lock, options.state):
                raise in_use(options.output)
    return f"none is at work in {options.output}"


def _print(found: Sequence[Finding], *, is_json: bool) -> None:
    if is_json:
        is_ok = all(finding.is_ok for finding in found)
        told = {"ok": is_ok, "findings": [finding.told() for finding in found]}
        sys.stdout.write(json.dumps(redact_all(told)) + "\n")
        return
    for finding in found:
        mark = "OK     " if finding.is_ok else "FAULT  "
        sys.stdout.write(mark + terminal_safe(redact(finding.line)) + "\n")
