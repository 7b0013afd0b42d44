"""The roots of a repository, found by where they lie: however many there are, only those near."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import PurePosixPath

from services.discovery.adapters.folder_links import RealPaths
from services.discovery.adapters.folder_listing import Root
from services.discovery.domain.sources import display_name


class Roots:
    """Folders and files that are read; each is known by its path, and by where links lead."""

    def __init__(self) -> None:
        self._numbers = count()
        self._all: dict[int, Root] = {}
        """By number; none is used again, since what was listed knows its root by that."""
        self._of: dict[str, tuple[int, ...]] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._at: dict[str, set[int]] = {}
        self._below: dict[str, set[int]] = {}
        """Those that lie below a folder, however deep."""

    @property
    def all(self) -> tuple[Root, ...]:
        """All of them."""
        return tuple(self._all.values())

    def __getitem__(self, number: int) -> Root:
        """Return one by its number."""
        return self._all[number]

    def of(self, collection: str) -> tuple[Root, ...]:
        """Return those of a collection."""
        return tuple(self._all[number] for number in self._of.get(collection, ()))

    def add(self, root: Root) -> None:
        """Have one more."""
        number = next(self._numbers)
        root = replace(root, number=number)
        self._all[number] = root
        self._of[root.collection] = (*self._of.get(root.collection, ()), number)
        self._name(number, _names(root, RealPaths()))

    def remove(self, collection: str) -> None:
        """Have none of a collection any more."""
        for number in self._of.pop(collection, ()):
            self._name(number, frozenset())
            del self._all[number], self._names[number]

    def follow_links(self, root: Root, real_paths: RealPaths) -> None:
        """Find out anew where one lies, which waits for the disk."""
        names = _names(root, real_paths)
        if names != self._names.get(root.number) and root.number in self._all:
            self._name(root.number, names)

    def near(self, paths: Iterable[str]) -> list[Root]:
        """Return those at, above or below some absolute paths, in the order they came."""
        found: set[int] = set()
        for path in paths:
            found |= self._below.get(path, set())
            for folder in (path, *_above(path)):
                found |= self._at.get(folder, set())
        return [self._all[number] for number in sorted(found)]

    def _name(self, number: int, names: frozenset[str]) -> None:
        before = self._names.get(number, frozenset())
        for name in before - names:
            _take(self._at, name, number)
        for folder in _all_above(before) - _all_above(names):
            _take(self._below, folder, number)
        for name in names - before:
            self._at.setdefault(name, set()).add(number)
        for folder in _all_above(names) - _all_above(before):
            self._below.setdefault(folder, set()).add(number)
        self._names[number] = names


def _names(root: Root, real_paths: RealPaths) -> frozenset[str]:
    """Return what leads to a root: its path, that in the ledger, without links, and beside it."""
    base = root.base
    ending = root.completion.sidecar if root.completion.when == "sidecar" else ""
    return frozenset((base, display_name(base), real_paths.of(base), base + ending))


def _above(path: str) -> Iterator[str]:
    return (os.fspath(folder) for folder in PurePosixPath(path).parents)


def _all_above(names: Iterable[str]) -> set[str]:
    return {folder for name in names for folder in _above(name)}


def _take(where: dict[str, set[int]], name: str, number: int) -> None:
    where[name].discard(number)
    if not where[name]:
        del where[name]
