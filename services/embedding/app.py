"""Composition root: the only module that knows which adapter fills which port."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import httpx

from services.embedding import __doc__ as about
from services.embedding.adapters.answer_memory import AnswerMemory, memory_for_answers
from services.embedding.adapters.http_client import build_client
from services.embedding.adapters.measured_embedder import MeasuredEmbedder, pause
from services.embedding.adapters.openai_embedder import OpenaiEmbedder
from services.embedding.adapters.sqlite_vector_cache import SqliteVectorCache
from services.embedding.adapters.vectors_embedder import VectorsEmbedder
from services.embedding.domain.backoff import Backoff, Healths
from services.embedding.domain.proxies import choose_proxy
from services.embedding.handlers.asking import Encoder, Limits
from services.embedding.handlers.recall import Recall
from services.embedding.loops import tell_outages
from services.embedding.settings import EmbeddingSection, Settings, network_variables
from services.embedding.subscribers import build_router, known_dimension
from shared.assignments import Activity, Resources
from shared.authorities import named_authorities
from shared.bus.broker import build_bus
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.clock import SystemClock
from shared.contracts.statuses import Common, EmbeddingStatus
from shared.observability import embedder_metrics, metrics
from shared.observability.instruments import Reading
from shared.runtime import Service

NAME = "embedding"


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    section = settings.embedding
    servers = EmbeddingServers(section)
    healths = Healths()
    bus = build_bus(settings.nats, NAME, state=settings.state.folder)

    @asynccontextmanager
    async def resources() -> AsyncIterator[Resources]:
        async with servers.opened(settings.state.folder / NAME):
            yield Resources(open=collection)

    @asynccontextmanager
    async def collection(name: str) -> AsyncIterator[Activity]:
        encoder = servers.encoder(name)
        dimension = await known_dimension(bus.js, name)
        if dimension is not None:
            encoder.health.dimensions[name] = dimension
        in_flight = section.batches_in_flight
        router = build_router(bus.settler, name, encoder=encoder, concurrency=in_flight)
        healths.of[name] = encoder.health
        try:
            yield Activity(routers=(router,), loops=(partial(tell_outages, name, encoder.health),))
        finally:
            healths.leave(name)

    return Service(
        name=NAME,
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=(EMBEDDING_READS_BATCHES,),
        disks={"state": settings.state.folder},
        resources=resources,
        told=partial(tell, healths),
        gauges=partial(gauges, healths),
    )


def tell(healths: Healths, common: Common) -> EmbeddingStatus:
    """Tell how all collections are."""
    return EmbeddingStatus(
        **common, **asdict(healths.together), blocked_collections=healths.blocked_collections
    )


def gauges(healths: Healths) -> Iterator[Reading]:
    """Tell Prometheus which collections are blocked."""
    for name, one in list(healths.of.items()):
        yield metrics.BLOCKED.read(bool(one.blocked), stage=NAME, collection=name)


@dataclass(frozen=True, slots=True)
class EmbeddingServer:
    """One embedding server, and what those share that ask it."""

    client: httpx.AsyncClient
    embedder: MeasuredEmbedder
    slots: asyncio.Semaphore


class EmbeddingServers:
    """The servers of all collections; each has connections, slots and memory of its own.

    So one that takes requests and never answers keeps nobody from asking another.
    """

    def __init__(self, section: EmbeddingSection) -> None:
        self._section = section
        names = (one.collection for one in section.collections)
        sections = {section.of_collection(name) for name in ("", *names)}
        memory = memory_for_answers() // len(sections)
        self._servers = {one: build_server(one, AnswerMemory(memory)) for one in sections}
        self._recalls: dict[EmbeddingSection, Recall] = {}

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[None]:
        """Hold the connections, and the vectors that are known from before.

        Args:
            folder: Has the cache.
        """
        async with AsyncExitStack() as stack:
            for server in self._servers.values():
                await stack.enter_async_context(server.client)
            if most_bytes := self._section.cache_mb << 20:
                clock = SystemClock()
                opening = SqliteVectorCache.open(folder, most_bytes, clock=clock)
                if cache := await stack.enter_async_context(opening):
                    self._recalls = {
                        one: Recall(cache, one.space, clock=clock) for one in self._servers
                    }
            yield

    def encoder(self, collection: str) -> Encoder:
        """Build what embeds the texts of a collection, with a health of its own."""
        section = self._section.of_collection(collection)
        server = self._servers[section]
        return Encoder(
            server.embedder,
            server.slots,
            Limits(section.request_bytes, section.max_chars, section.normalise),
            Backoff(longest_s=section.longest_pause_s),
            recall=self._recalls.get(section),
            sleep=pause,
        )


def build_server(section: EmbeddingSection, memory: AnswerMemory) -> EmbeddingServer:
    """Wire an embedding server; nothing connects yet."""
    client = build_client_of(section)
    slots = asyncio.Semaphore(section.requests_in_flight)
    return EmbeddingServer(client, build_embedder(section, client, memory), slots)


def build_client_of(section: EmbeddingSection) -> httpx.AsyncClient:
    """Wire the connections to the embedding server, as the settings and the environment say."""
    url, variables = str(section.url), network_variables()
    return build_client(
        url,
        api_key=section.api_key.get_secret_value() if section.api_key else None,
        timeout_s=section.timeout_s,
        proxy=choose_proxy(url, variables),
        authorities=named_authorities(variables) if url.startswith("https") else None,
    )


def build_embedder(
    section: EmbeddingSection, client: httpx.AsyncClient, memory: AnswerMemory
) -> MeasuredEmbedder:
    """Wire the protocol of the embedding server."""
    if section.protocol == "vectors":
        return MeasuredEmbedder(VectorsEmbedder(client, model=section.model, memory=memory))
    embedder = OpenaiEmbedder(
        client,
        model=section.model,
        max_texts=section.batch_size,
        memory=memory,
        on_tokens=embedder_metrics.EMBEDDER_TOKENS.add,
    )
    return MeasuredEmbedder(embedder)
