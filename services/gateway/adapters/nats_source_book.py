"""Asks discovery for the sources."""

from dataclasses import dataclass

from shared.bus.asking import ask
from shared.bus.connection import Client
from shared.bus.registry.questions import SOURCES_LIST
from shared.contracts.source_list import ListSources, SourcePage, SourceRow


@dataclass(frozen=True, slots=True)
class NatsSourceBook:
    """What discovery has of the sources, as one connection learns it."""

    client: Client

    async def page(self, asked: ListSources) -> SourcePage:
        """See the port."""
        return await ask(self.client, SOURCES_LIST, asked)

    async def find(self, collection: str, source_id: str) -> SourceRow | None:
        """See the port."""
        asked = ListSources(collection=collection, source=source_id)
        page = await ask(self.client, SOURCES_LIST, asked)
        return page.items[0] if page.items else None
