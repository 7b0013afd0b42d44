"""The folder of a run: one run at a time owns it, and others may not look into it."""

import contextlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import ConfigurationError
from shared.locking import take_lock

OTHERS = 0o077
LOOK_IN = 0o055
LOCK = "run.lock"


@contextmanager
def only_run(state: Path) -> Iterator[None]:
    """Own an output folder, or say that another run does.

    Raises:
        ConfigurationError: Another ``mapstream run`` is at work there, or that cannot be told.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        restrict(state, OTHERS)
        file = (state / LOCK).open("a")
    except OSError as error:
        raise ConfigurationError(f"{state}: cannot be written: {error.strerror}") from error
    with file:
        if not take_lock(file, state):
            raise in_use(state.parent)
        yield


def in_use(output: Path) -> ConfigurationError:
    """Say that another run owns an output folder."""
    return ConfigurationError(
        f"another 'mapstream run' is using {output}: stop it, or use another --output"
    )


def restrict(folder: Path, umask: int) -> None:
    """Take from a folder what new ones do not allow either: an older version has made it.

    What belongs to somebody else stays as it is.
    """
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & umask:
            folder.chmod(mode & ~umask)


def share(folder: Path, umask: int) -> None:
    """Let those look into a folder that new files allow to read; see ``restrict``."""
    with contextlib.suppress(OSError):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | (LOOK_IN & ~umask))
