"""Lists the files of one root: plain, blocking code that a thread runs."""

import os
import stat as modes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.discovery.domain.globs import Remainders, advance, parse_glob
from services.discovery.domain.sources import FolderUnreadable, SourceStat, display_name

Listed = SourceStat | FolderUnreadable


@dataclass(frozen=True, slots=True)
class Root:
    """A folder (or a single file) whose files are sources of a collection."""

    path: Path
    glob: str = "**/*.jsonl"
    collection: str = "default"
    links_may_leave: bool = False
    """Whether files are read that lie elsewhere, and to which a link of the folder leads."""

    @property
    def base(self) -> str:
        """The path, independent of the current folder."""
        return os.path.abspath(self.path)  # noqa: PTH100  keeps links, which resolve() follows


def list_root(root: Root) -> Iterator[Listed]:
    """List a root in order of the names."""
    if os.path.isfile(root.base):  # noqa: PTH113  plain strings, for names that are no UTF-8
        yield from _list_file(root, root.base, os.path.basename(root.base))  # noqa: PTH119
    else:
        yield from _walk(root, root.base, "", parse_glob(root.glob))


def list_changed(root: Root, path: str) -> Iterator[Listed]:
    """List what of a root is at or below a path."""
    bases = dict.fromkeys((root.base, os.path.realpath(root.base)))
    for base in bases:
        if base == path or base.startswith(path.rstrip(os.sep) + os.sep):
            yield from list_root(root)
            return
        if path.startswith(base.rstrip(os.sep) + os.sep):
            yield from _descend(root, os.path.relpath(path, base))
            return


def _descend(root: Root, relative: str) -> Iterator[Listed]:
    *folders, name = relative.split(os.sep)  # noqa: PTH206  may be no UTF-8
    remainders, place = parse_glob(root.glob), root.base
    for folder in folders:
        place = os.path.join(place, folder)  # noqa: PTH118
        step = advance(remainders, folder)
        remainders = step.below_link if os.path.islink(place) else step.below  # noqa: PTH114
    path = os.path.join(place, name)  # noqa: PTH118
    step = advance(remainders, name)
    if os.path.isdir(path):  # noqa: PTH112
        below = step.below_link if os.path.islink(path) else step.below  # noqa: PTH114
        yield from _walk(root, path, relative + os.sep, below)
    elif step.is_match:
        yield from _list_file(root, path, relative)


def _walk(root: Root, folder: str, prefix: str, remainders: Remainders) -> Iterator[Listed]:
    if not remainders:
        return
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if prefix and isinstance(error, FileNotFoundError):
            return
        yield _unreadable(root, folder, error)
        return
    for entry in entries:
        step = advance(remainders, entry.name)
        below = step.below_link if entry.is_symlink() else step.below
        if step.is_match:
            yield from _list_file(root, entry.path, prefix + entry.name)
        if below and _is_folder(entry):
            yield from _walk(root, entry.path, prefix + entry.name + os.sep, below)


def _list_file(root: Root, path: str, relative: str) -> Iterator[Listed]:
    try:
        stat = os.stat(path)  # noqa: PTH116
    except PermissionError as error:
        yield _unreadable(root, path, error)
        return
    except OSError:
        # Gone since the folder was listed, or a link that leads nowhere: there is no source.
        return
    if modes.S_ISREG(stat.st_mode):
        filename = display_name(relative)
        is_named = path == root.base  # by whoever wrote the configuration
        within = None if root.links_may_leave or is_named else root.base
        yield SourceStat(root.collection, filename, path, stat.st_size, stat.st_mtime_ns, within)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _unreadable(root: Root, path: str, error: OSError) -> FolderUnreadable:
    return FolderUnreadable(root.collection, display_name(path), error.strerror or str(error))
