"""Opens a source, and says what its content is."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.ledger import (
    SourceRecord,
    is_coming,
    is_leaving,
    is_same_content,
    needs_look,
)
from services.discovery.domain.moves import is_content_of
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.space import expected_records, is_to_be_asked, why_no_room
from services.discovery.domain.versions import continuation
from services.discovery.handlers.accounts import source_failed
from services.discovery.handlers.contents import identify, rules_of, why_incomplete
from services.discovery.handlers.events import endings
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import EVERYTHING, ScanOptions
from services.discovery.handlers.moves import MoveFinder
from services.discovery.handlers.presence import come_back
from services.discovery.ports import (
    SourceChangedError,
    SourceRepository,
    SourceUnreadableError,
    SourceVanishedError,
)
from services.discovery.ports.space import SpaceTeller
from shared.contracts.sources import SourceDiscovered

SMALL_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source that has to be opened."""

    stat: SourceStat
    before: SourceRecord | None
    """What is known of it."""
    is_due: bool = False
    """Whether its content is compared though nothing says that it changed."""
    options: ScanOptions = EVERYTHING
    """Of the look."""

    @property
    def is_another_file(self) -> bool:
        """Whether another file has its name now, so that its own may have another name."""
        return self.before is not None and self.before.inode not in (None, self.stat.inode)

    @property
    def is_large(self) -> bool:
        """Whether it takes its turn."""
        return self.stat.size > SMALL_BYTES


def is_back(known: SourceRecord) -> bool:
    """Tell whether a source that was gone is there again, as far as the ledger knows."""
    # One that is being forgotten comes back when that is over and told.
    return known.gone_at is not None and not is_leaving(known)


async def examine(wanted: Wanted, moves: MoveFinder) -> Sequence[Found]:
    """Say what is to be done about a source, while it is held.

    Args:
        wanted: The source.
        moves: Knows whether it had another name; and where sources and what is known come from.

    Raises:
        TransientError: The ledger could not be read or written.
    """
    store, clock, postponed = moves.store, moves.clock, moves.locks.postponed
    stat, before = wanted.stat, wanted.before
    found: list[Found] = []
    if before is not None:
        # It may have been forgotten since the ledger was asked about many sources together.
        before = (await store.get([stat.source_id])).get(stat.source_id)
        if before is not None and is_back(before):
            found += await come_back(before, store, clock)
            before = (await store.get([stat.source_id])).get(stat.source_id)
        if not (needs_look(before, stat) or (wanted.is_due and before is not None)):
            if before is not None and is_leaving(before):
                postponed.wait(stat)
                before = (await store.get([stat.source_id])).get(stat.source_id)
                if before is not None and not is_leaving(before):
                    postponed.end([stat.source_id])  # that was told before it was waited for
            return found
        if is_coming(before):
            postponed.wait(stat)
            # Its end may have been told before it was waited for.
            before = (await store.get([stat.source_id])).get(stat.source_id)
            if is_coming(before):
                return found
    return [*found, *await _compare(wanted, before, moves)]


async def _compare(
    wanted: Wanted, before: SourceRecord | None, moves: MoveFinder
) -> Sequence[Found]:
    stat = wanted.stat
    try:
        content = await _look_into(stat, before, moves.repository)
        moved = await _moved(stat, before, content, moves)
        if moved is not None:
            return moved
        return await _take(wanted, before, content, moves)
    except (SourceVanishedError, SourceChangedError):
        return []
    except SourceUnreadableError as error:
        return await source_failed(stat, str(error), moves.store, moves.clock)


async def _take(
    wanted: Wanted,
    before: SourceRecord | None,
    content: ContentHash | WhyIncomplete,
    moves: MoveFinder,
) -> Sequence[Found]:
    """Note what a content is, or begin to read it.

    Raises:
        SourceChangedError: Another one took its place.
    """
    stat, store, clock = wanted.stat, moves.store, moves.clock
    if not isinstance(content, ContentHash):
        await store.note_incomplete(stat, content, clock.now())
        return []
    if is_same_content(before, content.whole):
        return endings(await store.note_unchanged(stat, clock.now()), clock)
    return await _begin(wanted, before, content, moves)


async def _begin(
    wanted: Wanted, before: SourceRecord | None, content: ContentHash, moves: MoveFinder
) -> Sequence[Found]:
    """Begin to read a content, if there is room for it beside what it replaces.

    Raises:
        SourceChangedError: Another one took its place.
    """
    stat, options = wanted.stat, wanted.options
    store, clock = moves.store, moves.clock
    rules = rules_of(moves.repository.format_of(stat))
    is_other = before is not None and continuation(before, content, rules) == "other"
    why = await _lacks_room(stat, before, options.space) if before and is_other else None
    if why is not None:
        return await source_failed(stat, why, store, clock)
    begun = await store.begin_version(stat, content, rules, clock.now(), options.max_dead_share)
    event = SourceDiscovered(
        id=SourceDiscovered.id_of(stat.source_id, begun.number, content.whole[:16]),
        collection=stat.collection,
        occurred_at=clock.now(),
        source_id=stat.source_id,
        filename=stat.filename,
        fingerprint=content.whole,
        source_version=begun.number,
        size_bytes=stat.size,
    )
    return [SourceToRead(stat, begun, event)]


async def _lacks_room(
    stat: SourceStat, known: SourceRecord, space: SpaceTeller | None
) -> str | None:
    """Say why a version cannot wait beside the one that it replaces, if it can not."""
    if space is None or not is_to_be_asked(known, stat.size):
        return None
    records = expected_records(known, stat.size)
    told = await space.space_for(stat.collection, stat.size, records)
    if told is None or told.is_enough:
        return None
    return why_no_room(told.free_bytes, told.needed_bytes)


async def _moved(
    stat: SourceStat,
    before: SourceRecord | None,
    content: ContentHash | WhyIncomplete,
    moves: MoveFinder,
) -> Sequence[Found] | None:
    """Say what follows if a content that its name did not have had another name.

    Raises:
        SourceUnreadableError: The file cannot be read.
        SourceChangedError: It is shorter than it was.
    """
    if not isinstance(content, ContentHash):
        return None
    if before is not None and is_content_of(before, content):
        return None
    return await moves.find(stat, content, before)


async def _look_into(
    stat: SourceStat, before: SourceRecord | None, repository: SourceRepository
) -> ContentHash | WhyIncomplete:
    """Tell what a source holds, or what it lacks.

    Raises:
        SourceUnreadableError: It cannot be read, or not be judged.
        SourceChangedError: It is shorter than it was.
    """
    if before is not None and before.content_size == stat.size:
        # What was once found complete is so, whatever the settings say of its last line by now.
        content = await identify(stat, before, repository)
        if content.whole == before.fingerprint:
            return content
    if (why := await why_incomplete(stat, repository)) is not None:
        return why
    return await identify(stat, before, repository)
