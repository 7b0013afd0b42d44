"""Finds out whether two roots have files in common: plain, blocking code that a thread runs."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from itertools import permutations
from pathlib import Path

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_own_places import OwnPlaces
from services.discovery.domain.globs import advance, parse_glob
from services.discovery.domain.sources import display_name
from shared.errors import ConfigurationError


def require_disjoint(roots: Sequence[Root]) -> None:
    """Check that no root of a collection lies where another one of it looks for files.

    A file of both would have two names, one below each root, and which of them it is mapped under
    would hang on the order of the roots. The same folder twice, with two patterns, is no trouble.

    Raises:
        ConfigurationError: Names both roots and the remedy.
    """
    for outer, inner in permutations(roots, 2):
        if outer.collection == inner.collection and _reaches(outer, inner):
            raise ConfigurationError(
                f"ingestion.sources: {display_name(inner.base)} lies in "
                f"{display_name(outer.base)}, and both are of collection '{outer.collection}', "
                "so that its files would have two names: leave one of them out, narrow the "
                "outer one's glob, or give them a collection each"
            )


def require_elsewhere(roots: Sequence[Root], own: Sequence[Path]) -> None:
    """Check that no root is a folder that the program writes itself, or lies in one.

    Raises:
        ConfigurationError: Names the root, the folder and the remedy.
    """
    for folder in own:
        place = OwnPlaces.find([folder])
        for root in roots:
            if place.holds(root.base):
                raise ConfigurationError(
                    f"ingestion.sources: {display_name(root.base)} lies in "
                    f"{display_name(os.fspath(folder))}, which this program writes itself; give "
                    "the folder of the logs, or another one for the output"
                )


def overlapping(root: Root, others: Iterable[Root]) -> Root | None:
    """Return one of the others that has files in common with a root; none if none has."""
    mine = _paths(root)
    for other in others:
        if mine & _paths(other) or _reaches(other, root) or _reaches(root, other):
            return other
    return None


def _paths(root: Root) -> frozenset[str]:
    """Return the path of a root as it is written, and without links."""
    return frozenset((root.base, posixpath.realpath(root.base)))


def _reaches(outer: Root, inner: Root) -> bool:
    pairs = [
        (outer.base, inner.base),
        (posixpath.realpath(outer.base), posixpath.realpath(inner.base)),
    ]
    return any(
        inside.startswith(folder.rstrip(os.sep) + os.sep) and _matches(outer.glob, folder, inside)
        for folder, inside in dict.fromkeys(pairs)
    )


def _matches(glob: str, folder: str, inside: str) -> bool:
    """Tell whether the pattern, below a folder, leads to this file or into this folder."""
    remainders, place, is_match = parse_glob(glob), folder, False
    for part in posixpath.relpath(inside, folder).split(posixpath.sep):
        place = posixpath.join(place, part)
        step = advance(remainders, part)
        is_match = step.is_match
        remainders = step.below_link if posixpath.islink(place) else step.below
    return bool(remainders) if posixpath.isdir(inside) else is_match
