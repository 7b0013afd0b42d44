"""What is needed of the columns that collections prefer."""

from typing import Protocol

from shared.contracts.preferences import (
    ListPreferences,
    PreferencePage,
    PreferencesSet,
    SetPreferences,
)


class PreferenceBook(Protocol):
    """What discovery tells of preferences, and chooses."""

    async def tell(self, asked: ListPreferences) -> PreferencePage:
        """Return the preferences of a collection.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def choose(self, asked: SetPreferences) -> PreferencesSet:
        """Have columns chosen for a collection; raises as ``tell``."""
        ...
