"""The shell for the terminal: one module per family of commands.

Those that do the work are imported when they are first used: help and mistakes are told at once.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.cli.commands import (
        audit,
        check,
        collection_deletion,
        collections,
        command,
        dead,
        dry_run,
        jobs,
        look,
        manifests,
        matches,
        preferences,
        run,
        schedules,
        sources,
        status,
        streams,
        streams_copies,
        top,
    )

__all__ = (
    "audit",
    "check",
    "collection_deletion",
    "collections",
    "command",
    "dead",
    "dry_run",
    "jobs",
    "look",
    "manifests",
    "matches",
    "preferences",
    "run",
    "schedules",
    "sources",
    "status",
    "streams",
    "streams_copies",
    "top",
)


def __getattr__(name: str) -> ModuleType:
    """Import a module of this package.

    Raises:
        AttributeError: There is none of this name that does the work of a command.
    """
    if name not in __all__:
        raise AttributeError(name)
    return importlib.import_module(f"{__name__}.{name}")
