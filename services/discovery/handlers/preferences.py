"""Columns that collections prefer: told, and chosen by who may."""

from collections.abc import Awaitable, Callable

import structlog

from services.discovery.domain.preferences import Chosen, Preferred, why_unknown
from services.discovery.ports.preferences import ColumnReader, PreferenceStore
from shared.clock import Clock
from shared.contracts.preferences import (
    MOST_VERSIONS,
    ListPreferences,
    PreferencePage,
    Preferences,
    PreferencesSet,
    SetPreferences,
)

LOOKED_AT = 20
"""So many files are looked into for one question: each takes a process."""
NOBODY = "nobody serves collection '{}': make it first"
log = structlog.get_logger(__name__)


class PreferenceBook:
    """Answers which columns a collection prefers, and has others chosen."""

    def __init__(
        self,
        store: PreferenceStore,
        reader: ColumnReader,
        clock: Clock,
        is_served: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Take what it needs.

        Args:
            store: The preferences, and the columns that are known.
            reader: Looks into files whose columns are not.
            clock: Dates what is chosen.
            is_served: Tells whether there is a collection.
        """
        self._store = store
        self._reader = reader
        self._clock = clock
        self._is_served = is_served

    async def tell(self, asked: ListPreferences) -> PreferencePage:
        """Answer with the preferences, and with the columns there are.

        Raises:
            TransientError: The ledger or a file could not be read.
        """
        versions = await self._store.preferences(asked.collection, MOST_VERSIONS + 1)
        there, unknown = await self._look(asked.collection)
        told = [_told(one) for one in versions]
        return PreferencePage(
            active=told[0] if told else None,
            earlier=tuple(told[1:]),
            columns=there,
            unknown=unknown,
        )

    async def choose(self, asked: SetPreferences) -> PreferencesSet:
        """Choose columns for a collection, if its tables have them.

        Raises:
            TransientError: The ledger could not be read or written, or a file not be read.
        """
        if not await self._is_served(asked.collection):
            return PreferencesSet(preferences=None, reason=NOBODY.format(asked.collection))
        chosen = Chosen(asked.text_columns, asked.context_columns)
        there, unknown = await self._look(asked.collection, chosen)
        if missing := [one for one in chosen.names if one not in there]:
            reason = why_unknown(missing, there, unknown)
            return PreferencesSet(preferences=None, reason=reason)
        now = self._clock.now()
        done = await self._store.prefer(asked.collection, chosen, asked.by, now)
        log.info("preferences.chosen", collection=asked.collection, version=done.version)
        return PreferencesSet(preferences=_told(done))

    async def _look(
        self, collection: str, wanted: Chosen | None = None
    ) -> tuple[tuple[str, ...], int]:
        """Return the columns there are, and of how many files they are not known.

        Files are looked into until all that are wanted have been found, and a few at most.
        """
        there, unknown = await self._store.columns(collection)
        for file in unknown[:LOOKED_AT]:
            if wanted is not None and set(wanted.names) <= set(there):
                break
            await self._store.note_columns(file, await self._reader.columns(file))
            there, _ = await self._store.columns(collection)
        _, unknown = await self._store.columns(collection)
        return there, len(unknown)


def _told(preferred: Preferred) -> Preferences:
    return Preferences(
        version=preferred.version,
        text_columns=preferred.chosen.text,
        context_columns=preferred.chosen.context,
        updated_at=preferred.at,
        updated_by=preferred.by,
    )
