"""Patterns for paths, followed one folder at a time.

``*``, ``?`` and ``[..]`` stand for parts of one name, ``**`` for any number of folders. A walk
carries the patterns that may still match below its folder, so that it enters no folder in vain
and meets no file twice.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath

ANY_FOLDERS = "**"
Remainders = frozenset[tuple[str, ...]]
"""What is left of the pattern at some folder, in every way in which it can be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a name means at some folder."""

    is_match: bool
    """Whether a file of this name is one that is looked for."""
    below: Remainders
    """What a folder of this name may hold."""
    below_link: Remainders
    """The same, if it is a link: ``**`` does not follow those, since they may lead in circles."""


@lru_cache(maxsize=128)
def parse_glob(glob: str) -> Remainders:
    """Read a pattern; ``**`` at its end stands for all files below."""
    parts = PurePosixPath(glob).parts
    return frozenset([(*parts, "*") if parts[-1] == ANY_FOLDERS else parts])


def advance(remainders: Remainders, name: str) -> Step:
    """Go from a folder to a name in it."""
    is_match = False
    named: set[tuple[str, ...]] = set()
    spanning: set[tuple[str, ...]] = set()
    for remainder in _with_empty_spans(remainders):
        head, rest = remainder[0], remainder[1:]
        if head == ANY_FOLDERS:
            spanning.add(remainder)
        elif fnmatchcase(name, head):
            if rest:
                named.add(rest)
            else:
                is_match = True
    return Step(is_match, frozenset(named | spanning), frozenset(named))


def _with_empty_spans(remainders: Remainders) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for remainder in remainders:
        rest = remainder
        found.add(rest)
        while rest[0] == ANY_FOLDERS:
            rest = rest[1:]
            found.add(rest)
    return found
