"""How the process of a service loads its program: all at once, and no more than it uses."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

NEVER_USED = frozenset({"aiohttp", "pandas", "pygments", "rich"})
"""What nats-py, structlog, HTTPX and PyArrow load if it is installed for another program."""


class _Without:
    """Finds nothing where an import is one of what is never used."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in self._names:
            raise ModuleNotFoundError(f"no service uses {name}", name=name)
        return None


def leave_out(*names: str) -> None:
    """Have packages taken for not installed, in the whole process: an entry point does this."""
    sys.meta_path.insert(0, _Without(frozenset(names)))


@contextmanager
def loading() -> Iterator[None]:
    """Load in this block; afterwards what never goes away is not looked through for garbage.

    It holds for the whole process from then on: only its entry point does this.

    A seventh of the time that loading takes went into looking for garbage where there is none.
    """
    leave_out(*NEVER_USED)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
