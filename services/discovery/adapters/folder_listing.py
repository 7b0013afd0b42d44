"""Lists the files of one root: plain, blocking code that a thread runs."""

import errno
import os
import posixpath
import stat as modes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.discovery.adapters.folder_links import RealPaths
from services.discovery.adapters.folder_own_places import NOTHING, OwnPlaces, is_foreign_map
from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.completeness import Completion
from services.discovery.domain.globs import Remainders, Step, advance, parse_glob
from services.discovery.domain.sources import FolderUnreadable, SourceStat, display_name
from services.discovery.ports import SourceFormat
from shared.settings import DEFAULT_GLOB

AGENT_RUNS = agent_run_format()
COMPLETE_BY_ANSWER = Completion()
Listed = SourceStat | FolderUnreadable
GONE = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Root:
    """A folder (or a single file) whose files are sources of a collection."""

    path: Path
    glob: str = DEFAULT_GLOB
    collection: str = "default"
    links_may_leave: bool = False
    """Whether files are read that lie elsewhere, and to which a link of the folder leads."""
    format: SourceFormat = AGENT_RUNS
    """How its files are read."""
    completion: Completion = COMPLETE_BY_ANSWER
    """When its files are complete."""
    only_below: tuple[str, ...] | None = None
    """Where it must lie whenever it is looked at, all links followed; None: anywhere."""
    number: int = 0
    """Which of the roots of a repository it is."""

    @property
    def base(self) -> str:
        """The path, independent of the current folder; a link stays one and is followed anew."""
        path = os.fspath(self.path)
        before, parent, after = path.rpartition(os.pardir + os.sep)
        if parent:
            # What is above a link's folder is known to the system only, not by its text.
            path = posixpath.join(posixpath.realpath(before + os.pardir), after)
        return posixpath.abspath(path)

    def is_allowed(self, real_paths: RealPaths) -> bool:
        """Whether it lies where it must, whatever has become a link since it was named."""
        below = self.only_below
        return below is None or lies_below(real_paths.of(self.base), below)


def lies_below(real: str, folders: Iterable[str]) -> bool:
    """Tell whether a path without links is one of these folders, or lies below one."""
    return any(real == one or real.startswith(one.rstrip(os.sep) + os.sep) for one in folders)


@dataclass(frozen=True, slots=True)
class _Place:
    """A file or folder on the way of a walk."""

    path: str
    name: str
    """The path below the root; of the root itself, nothing."""
    is_link: bool
    """Whether it is a link itself."""
    is_by_link: bool
    """Whether a link below the root leads here."""
    top: str
    """The path of the root."""

    def to(self, name: str, *, is_link: bool | None = None) -> "_Place":
        """Go to a name in this folder."""
        path = posixpath.join(self.path, name)
        if is_link is None:
            is_link = posixpath.islink(path)
        below = f"{self.name}{self.name and os.sep}{name}"
        return _Place(path, below, is_link, self.is_by_link or is_link, self.top)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is to be looked into."""

    place: _Place
    remainders: Remainders

    def enter(self, place: _Place, step: Step) -> "_Folder":
        """Go into a folder in this one."""
        return _Folder(place, step.below_link if place.is_link else step.below)


def list_root(root: Root, own: OwnPlaces = NOTHING) -> Iterator[Listed]:
    """List a root in order of the names, without what the program has written itself."""
    base = root.base
    if posixpath.isfile(base):
        is_link = posixpath.islink(base)
        name = posixpath.basename(base)
        yield from _list_file(root, _Place(base, name, is_link, is_link, base), own)
    else:
        top = _Place(base, "", is_link=False, is_by_link=False, top=base)
        yield from _walk(root, _Folder(top, parse_glob(root.glob)), own)


def list_changed(root: Root, path: str, own: OwnPlaces = NOTHING) -> Iterator[Listed]:
    """List what of a root is at or below a path."""
    bases = dict.fromkeys((root.base, posixpath.realpath(root.base)))
    for base in bases:
        if base == path or base.startswith(path.rstrip(os.sep) + os.sep):
            yield from list_root(root, own)
            return
        if path.startswith(base.rstrip(os.sep) + os.sep):
            yield from _descend(root, posixpath.relpath(path, base), own)
            return


def would_list(root: Root, path: str) -> bool:
    """Tell whether a file of this path, as ``display_name`` gives it, would be one of the root."""
    base = display_name(root.base)
    if path == base:
        return True
    *folders, name = path.removeprefix(base.rstrip("/") + "/").split("/")
    if not path.startswith(base.rstrip("/") + "/"):
        return False
    remainders = parse_glob(root.glob)
    for folder in folders:
        step = advance(remainders, folder)
        remainders = step.below | step.below_link
    return bool(remainders) and advance(remainders, name).is_match


def _descend(root: Root, relative: str, own: OwnPlaces) -> Iterator[Listed]:
    *names, name = relative.split(posixpath.sep)
    top = _Place(root.base, "", is_link=False, is_by_link=False, top=root.base)
    folder = _Folder(top, parse_glob(root.glob))
    for one in names:
        folder = folder.enter(folder.place.to(one), advance(folder.remainders, one))
        if not folder.remainders or own.has(folder.place.path, is_link=folder.place.is_by_link):
            return
    place, step = folder.place.to(name), advance(folder.remainders, name)
    if posixpath.isdir(place.path):
        yield from _walk(root, folder.enter(place, step), own)
    elif step.is_match:
        yield from _list_file(root, place, own)


def _walk(root: Root, top: _Folder, own: OwnPlaces) -> Iterator[Listed]:
    """List a folder and all below, with a stack of our own: folders may be nested at will."""
    stack = [_entries(root, top, own)]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
        elif isinstance(found, _Folder):
            stack.append(_entries(root, found, own))
        else:
            yield found


def _entries(root: Root, folder: _Folder, own: OwnPlaces) -> Iterator[Listed | _Folder]:
    """List what is in a folder; the folders in it that are to be looked into among it."""
    here = folder.place
    is_below = bool(here.name)
    if not folder.remainders or (is_below and own.has(here.path, is_link=here.is_by_link)):
        return
    try:
        with os.scandir(here.path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        # It went away since it was found, or became a file.
        if not (is_below and isinstance(error, GONE)):
            yield _unreadable(root, here.path, error)
        return
    if is_below and is_foreign_map({entry.name for entry in entries}):
        return
    for entry in entries:
        step = advance(folder.remainders, entry.name)
        place = here.to(entry.name, is_link=entry.is_symlink())
        if step.is_match:
            yield from _list_file(root, place, own)
        below = folder.enter(place, step)
        if below.remainders and _is_folder(entry):
            yield below


def _list_file(root: Root, place: _Place, own: OwnPlaces) -> Iterator[Listed]:
    try:
        stat = os.stat(place.path)  # noqa: PTH116  plain strings
    except GONE:
        return  # since the folder was listed; or it is a link that leads nowhere
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link that leads to itself leads nowhere, too
            yield _unreadable(root, place.path, error)
        return
    if not modes.S_ISREG(stat.st_mode) or (place.is_by_link and own.holds(place.path)):
        return
    is_named = place.path == place.top  # by whoever wrote the configuration
    yield SourceStat(
        collection=root.collection,
        filename=display_name(place.name),
        path=place.path,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        within=None if root.links_may_leave or is_named else place.top,
        ctime_ns=stat.st_ctime_ns,
        device=stat.st_dev,
        inode=stat.st_ino,
        is_link=place.is_by_link,
        names=stat.st_nlink,
        root=root.number,
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _unreadable(root: Root, path: str, error: OSError) -> FolderUnreadable:
    return FolderUnreadable(root.collection, display_name(path), error.strerror or str(error))
