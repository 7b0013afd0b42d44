"""Asks discovery which columns a collection prefers, and has others chosen."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import PREFERENCES_LIST, PREFERENCES_SET
from shared.contracts.preferences import (
    ListPreferences,
    PreferencePage,
    PreferencesSet,
    SetPreferences,
)

PATIENCE_S = 60.0
"""Files may have to be looked into first."""


@dataclass(frozen=True, slots=True)
class PreferenceBook:
    """What discovery tells of preferences, as one connection learns it."""

    client: Client

    async def tell(self, asked: ListPreferences) -> PreferencePage:
        """Return the preferences of a collection.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, PREFERENCES_LIST, asked, wait_s=PATIENCE_S)

    async def choose(self, asked: SetPreferences) -> PreferencesSet:
        """Have columns chosen; raises as ``tell``."""
        return await ask(self.client, PREFERENCES_SET, asked, wait_s=PATIENCE_S)
