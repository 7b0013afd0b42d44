"""Tells what a run would do, touching nothing."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from services.discovery.domain.batching import Cut
from services.discovery.domain.completeness import EXPLAINED, WhyIncomplete
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.real_files import one_name_each
from services.discovery.domain.runs import BadRun
from services.discovery.domain.sources import SourceStat, require_distinct
from services.discovery.handlers.contents import LIMITS, read_pieces, why_incomplete
from services.discovery.ports import SourceChangedError, SourceRepository, SourceUnreadableError

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English text and code."""
NAMED = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """A source that would not be read yet."""

    filename: str
    why: WhyIncomplete
    reason: str
    since: str
    """When it was last written to: UTC, as ISO 8601."""


@dataclass
class DryRunReport:
    """What the configured roots hold."""

    complete: int = 0
    waiting: int = 0
    """Sources without a final answer yet."""
    incomplete: tuple[Waiting, ...] = ()
    """The first of those, and why."""
    records: int = 0
    bad_lines: int = 0
    """What would be dead-lettered."""
    characters: int = 0
    problems: tuple[str, ...] = ()
    """Folders and sources that cannot be read."""

    @property
    def estimated_tokens(self) -> int:
        """About how many tokens all texts have."""
        return -(-self.characters // CHARACTERS_PER_TOKEN)


async def dry_run(
    repository: SourceRepository, *, on_text: Callable[[str], None] = lambda _text: None
) -> DryRunReport:
    """Read every source without keeping or telling anything.

    Args:
        repository: Has the sources.
        on_text: Called with the text of each record.

    Raises:
        ConfigurationError: Two roots of a collection have a file of the same name.
    """
    survey = DryRunReport()
    stats: list[SourceStat] = []
    async with aclosing(repository.list_sources()) as found:
        async for listed in found:
            if isinstance(listed, SourceStat):
                stats.append(listed)
            else:
                survey.problems += (f"{listed.path}: {listed.reason}",)
    sources = one_name_each(stats, ()).sources
    require_distinct(sources)
    for stat in sources:
        try:
            await _survey_source(stat, repository, survey, on_text)
        except (SourceUnreadableError, SourceChangedError) as error:
            survey.problems += (str(error),)
    return survey


async def _survey_source(
    stat: SourceStat,
    repository: SourceRepository,
    survey: DryRunReport,
    on_text: Callable[[str], None],
) -> None:
    if (why := await why_incomplete(stat, repository)) is not None:
        survey.waiting += 1
        if len(survey.incomplete) < NAMED:
            since = datetime.fromtimestamp(stat.mtime_ns / 1e9, UTC).isoformat()
            survey.incomplete += (Waiting(stat.filename, why, EXPLAINED[why], since),)
        return
    content, kind = repository.open(stat), repository.format_of(stat)
    reader = SourceReader(stat.filename, LIMITS)
    async with aclosing(read_pieces(content, kind, reader)) as pieces:
        async for piece in pieces:
            _count(piece, survey)
            if isinstance(piece, Cut):
                for record in piece.records:
                    on_text(record.text)
    survey.complete += 1


def _count(cut: Piece, survey: DryRunReport) -> None:
    if not isinstance(cut, Cut):
        survey.bad_lines += cut.parts if isinstance(cut, BadRun) else 1
        return
    survey.records += len(cut.records)
    survey.characters += sum(len(record.text) for record in cut.records)
