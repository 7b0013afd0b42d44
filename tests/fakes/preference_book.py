"""What is told of preferences, in memory."""

from datetime import UTC, datetime

from shared.contracts.preferences import (
    ListPreferences,
    PreferencePage,
    Preferences,
    PreferencesSet,
    SetPreferences,
)


class FakePreferenceBook:
    """Tables have some columns; the first choice is version 1."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.versions: list[Preferences] = []

    async def tell(self, asked: ListPreferences) -> PreferencePage:
        del asked
        newest, *earlier = [*reversed(self.versions)] or [None]
        return PreferencePage(
            active=newest, earlier=tuple(one for one in earlier if one), columns=self.columns
        )

    async def choose(self, asked: SetPreferences) -> PreferencesSet:
        missing = [one for one in asked.text_columns if one not in self.columns]
        if missing:
            return PreferencesSet(preferences=None, reason=f"no table has {missing[0]!r}")
        chosen = Preferences(
            version=len(self.versions) + 1,
            text_columns=asked.text_columns,
            context_columns=asked.context_columns,
            updated_at=datetime(2026, 1, 1, tzinfo=UTC),
            updated_by=asked.by,
        )
        self.versions.append(chosen)
        return PreferencesSet(preferences=chosen)
