"""Reads the settings of services, each as the service itself will, and tells what is wrong.

A process of its own does it (``python -m services.cli.adapters.settings_reader NAME...``), with
the environment that the services will have. It loads nothing but their settings.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Iterable, Mapping

from shared.errors import ConfigurationError

MODULE = "services.cli.adapters.settings_reader"


async def settings_faults(names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """List what is wrong with the settings of services, a line per mistake.

    Raises:
        ConfigurationError: They cannot be read at all.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, *names, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise ConfigurationError(f"the settings cannot be read: {err.decode(errors='replace')}")
    return list(json.loads(out))


def faults(names: Iterable[str]) -> list[str]:
    """List what is wrong with the settings of services in the environment of this process."""
    found: list[str] = []
    for name in names:
        try:
            importlib.import_module(f"services.{name}.settings").Settings.load()
        except ConfigurationError as error:
            found += str(error).splitlines()
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(faults(sys.argv[1:])))
