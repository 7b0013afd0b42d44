"""What the composition root puts together of several parts."""

from collections.abc import Awaitable, Callable
from functools import partial

from services.discovery.adapters.bus_consumers import BusConsumers
from services.discovery.adapters.bus_dead_letter_store import BusDeadLetterStore
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.upload_repository import AllSources
from services.discovery.formats import build_columns
from services.discovery.handlers.busy import BusyCollections
from services.discovery.handlers.manifests import ManifestBook
from services.discovery.handlers.matches import DecisionBook
from services.discovery.handlers.moved_letters import MovedLetters
from services.discovery.handlers.preferences import PreferenceBook
from services.discovery.handlers.replay import ReplayContext
from services.discovery.handlers.reread import SourceRereader
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.handlers.schedules import ScheduleBook
from services.discovery.loops.jobs import Books
from services.discovery.settings import Settings
from services.discovery.subscribers.gate import pass_gate
from shared.bus.broker import Bus
from shared.bus.publishing.publisher import Publisher
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.clock import Clock, SystemClock


def build_busy(
    settings: Settings, bus: Bus, store: SqliteStateStore, clock: Clock
) -> tuple[BusyCollections, Publisher]:
    """Wire which collections are worked on, and what publishes: that passes by it."""
    section = settings.ingestion
    busy = BusyCollections(
        store,
        BusConsumers(bus),
        clock,
        configured=settings.collections,
        rest_after_s=section.rest_after_s,
        most=section.busy_collections,
    )
    bus.publisher.around = partial(pass_gate, busy)
    return busy, bus.publisher


def build_books(
    settings: Settings, store: SqliteStateStore, is_served: Callable[[str], Awaitable[bool]]
) -> Books:
    """Wire what collections prefer, and what is fetched every few hours, and decisions."""
    clock = SystemClock()
    preferences = PreferenceBook(store, build_columns(settings), clock, is_served)
    schedules = ScheduleBook(store, clock, is_served)
    manifests = ManifestBook(store, clock, is_served)
    return Books(preferences, schedules, manifests, DecisionBook(store, clock))


def build_replays(
    repository: AllSources, store: SqliteStateStore, scanner: SourceScanner, log: DeadLetterLog
) -> ReplayContext:
    """Wire what tries dead letters again."""
    letters = MovedLetters(BusDeadLetterStore(log), store)
    reread = SourceRereader(repository, store, store, SystemClock())
    return ReplayContext(ledger=store, store=letters, reread=reread, locks=scanner.locks)
