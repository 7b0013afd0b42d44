"""The kinds of jobs: one row for each says when there may be one, and how far one is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.discovery.domain.jobs import Counts, Job, Phase, View
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.preferences import Preferred
from services.discovery.domain.uploads import is_uploaded


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job about a source."""

    name: str
    about: str
    why_not: Callable[[SourceRecord], str | None]
    """Why there cannot be such a job about a source; None: there can."""
    view: Callable[[Job, SourceRecord], View]
    """How far a running one is, by the ledger's row of its source."""
    reads: bool = False
    """Whether it has the source read as a new version, by a look at it."""
    forgets: bool = False
    """Whether it has the source forgotten."""
    brings: bool = False
    """Whether its source gets bytes from elsewhere, which are read in place of what it had."""
    fetches: bool = False
    """Whether somebody has to go for these: until they are there, it is acquiring them."""
    rechooses: bool = False
    """Whether it may have its source read by the columns that the collection prefers: until that
    is so, the job is acquiring."""


def waits_for_bytes(job: Job) -> bool:
    """Tell whether the bytes of a job are not there yet."""
    return KINDS[job.kind].brings and job.phase == "acquiring"


def waits_for_columns(job: Job) -> bool:
    """Tell whether the source of a job is still read by other columns than the job's."""
    is_other = KINDS[job.kind].rechooses and job.preferences is not None
    return is_other and job.phase == "acquiring"


def can_be_read(job: Job) -> bool:
    """Tell whether the source of a job may be read for it."""
    return not waits_for_bytes(job) and not waits_for_columns(job)


def is_on_its_way(source: SourceRecord) -> bool:
    """Tell whether something of a source has to end before another content takes its place."""
    is_leaving = source.is_forgotten and not source.is_announced
    return source.status in ("reading", "dispatched") or is_leaving


def seen_as(job: Job, source: SourceRecord | None, *, is_stalled: bool = False) -> View:
    """Say how far a running job is; without its source it has no work left."""
    if not can_be_read(job):
        return View()
    if source is None:
        return View(ending="failed", reason="its source is not known any more")
    view = KINDS[job.kind].view(job, source)
    if not is_stalled or view.ending is not None:
        return view
    return View(view.phase, view.counts, view.is_decided, is_stalled=True)


def _why_no_reembed(source: SourceRecord) -> str | None:
    name = source.filename
    if source.is_forgotten:
        return f"'{name}' was taken off the map; it is read again when its content changes"
    if source.gone_at is not None:
        return f"the file of '{name}' is not there any more; put it back"
    if source.source_version == 0:
        return f"'{name}' has no records yet, so there is nothing to embed again"
    return None


def why_not_rechosen(source: SourceRecord, preferred: Preferred | None) -> str | None:
    """Say why a source cannot be read by what its collection prefers; None: it can."""
    if not is_uploaded(source.path):
        return f"'{source.filename}' is read by the settings of its folder, not by preferences"
    if preferred is None:
        return f"'{source.collection}' prefers no columns yet: mapstream sources preferences"
    return None


def _why_no_delete(source: SourceRecord) -> str | None:
    if source.is_forgotten:
        return f"'{source.filename}' is off the map already"
    if source.source_version == 0 and not is_uploaded(source.path):
        return f"'{source.filename}' has no records yet, so there is nothing to delete"
    return None


def _view_reembed(job: Job, source: SourceRecord) -> View:
    if source.is_forgotten:
        where = f"; it is '{source.same_as}' now" if source.same_as else ""
        return View(ending="cancelled", reason=f"its source was taken off the map{where}")
    if job.version is None:
        return _view_before_reading(source)
    if source.status == "failed":
        return View(ending="failed", reason=source.reason, counts=_counts(source))
    if source.source_version != job.version:
        return View(ending="failed", reason="its version was given up")
    if source.status == "completed":
        return View("done", _counts(source), is_decided=True, ending="succeeded")
    return View(_phase(source), _counts(source), is_decided=source.is_showing)


def _view_before_reading(source: SourceRecord) -> View:
    """Say what keeps a source from being read; none of it heals by itself, so the job ends."""
    if source.gone_at is not None:
        return View(ending="failed", reason="its file is not there any more; put it back")
    if source.why_incomplete is not None:
        return View(ending="failed", reason=f"its file is not complete: {source.why_incomplete}")
    if source.status == "failed" and source.renewal is None:
        return View(ending="failed", reason=source.reason)
    return View()


def _view_delete(job: Job, source: SourceRecord) -> View:
    if job.version is None:
        return View()
    if source.source_version != job.version or not source.is_forgotten:
        # It is on the map again by now, with a newer content: so it had been off.
        return View("done", is_decided=True, ending="succeeded")
    if source.completed_at is not None:
        return View("done", is_decided=True, ending="succeeded")
    return View("projecting", is_decided=True)


def _view_brought(job: Job, source: SourceRecord) -> View:
    if job.version is not None:
        return _view_reembed(job, source)
    if source.status == "failed" and source.renewal is None:
        return View(ending="failed", reason=source.reason)
    return View("validating")


def _phase(source: SourceRecord) -> Phase:
    """Say what is done with a version that is coming.

    The ledger hears of a batch when it waits to be shown, or is dead: whether it is embedded
    or projected until then it does not know, and says embedding.
    """
    if source.is_showing:
        return "writing"
    return "embedding" if source.seen else "validating"


def _counts(source: SourceRecord) -> Counts:
    return Counts(source.seen, source.staged + source.mapped, source.dead)


REEMBED = JobKind(
    "re-embed",
    "Read a source again and embed all of it; its old rows are shown until the new ones are.",
    _why_no_reembed,
    _view_reembed,
    reads=True,
    rechooses=True,
)
DELETE = JobKind(
    "delete",
    "Take a source's rows off the map, out of the model and out of the dataset.",
    _why_no_delete,
    _view_delete,
    forgets=True,
)
FETCH = JobKind(
    "fetch",
    "Fetch what lies behind a URL, and read it as a source.",
    lambda _: "what is fetched is named by its URL: mapstream sources fetch",
    _view_brought,
    reads=True,
    brings=True,
    fetches=True,
)
UPLOAD = JobKind(
    "upload",
    "Read a file that was handed in as a source, or in place of what that had.",
    lambda _: "a file comes with its upload: mapstream sources add",
    _view_brought,
    reads=True,
    brings=True,
)
KINDS: Mapping[str, JobKind] = {kind.name: kind for kind in (REEMBED, DELETE, FETCH, UPLOAD)}
