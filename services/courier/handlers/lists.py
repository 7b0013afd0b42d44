"""Fetches lists of sources: their text is told, and nothing of them is kept."""

from dataclasses import dataclass

from services.courier.handlers.coming import Received
from services.courier.handlers.fetch import Fetcher, Unchanged
from services.courier.ports import BrokenError, ListStore, RefusedError
from shared.contracts.fetching import LONGEST_LIST, FetchWork

MOST_BYTES = 4 * LONGEST_LIST
"""A character has four at most."""
NO_UTF_8 = "it is not written in UTF-8: save it as CSV UTF-8, or as JSON"


@dataclass(frozen=True, slots=True)
class ListFetcher:
    """Fetches as files are fetched: by the same guard, in as many tries."""

    fetcher: Fetcher
    store: ListStore

    async def fetch(self, work: FetchWork, received: Received) -> str:
        """Return the text of a list.

        Raises:
            RefusedError: It cannot be fetched, or is no text.
            BrokenError: It could not be fetched now.
        """
        done = await self.fetcher.fetch(work, received)
        if isinstance(done, Unchanged):  # nobody has asked whether it is
            raise BrokenError("its server says that it has not changed, and does not send it")
        try:
            text = self.store.pop(done.blob).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RefusedError(NO_UTF_8) from error
        if len(text) > LONGEST_LIST:
            raise RefusedError(f"it has more than {LONGEST_LIST:,} characters: divide the list")
        return text
