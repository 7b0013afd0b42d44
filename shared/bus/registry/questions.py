"""The questions that a service answers: requests and replies, of which no stream keeps anything.

What every service tells of itself is asked for by service discovery, in ``shared.bus.status``.
"""

from shared.bus.registry.question import Question
from shared.bus.registry.users import (
    COURIER,
    DISCOVERY,
    EMBEDDING,
    GATEWAY,
    OPERATOR,
    PROJECTION,
    WRITING,
)
from shared.contracts.analysis import AnalysisNoted, NoteAnalysis
from shared.contracts.collections import (
    CollectionPage,
    CollectionRemoved,
    ListCollections,
    RemoveCollection,
    WakeCollection,
    WokenCollection,
)
from shared.contracts.fetching import DeliverFetch, FetchDelivered, FetchesTaken, TakeFetches
from shared.contracts.history import (
    AskStored,
    ComparedHistory,
    CompareHistory,
    StoredModels,
    StoredVectors,
    StoredVersions,
)
from shared.contracts.jobs import EffectPage, JobPage, ListEffects, ListJobs
from shared.contracts.manifests import (
    ChangeManifest,
    ListManifests,
    ManifestChanged,
    ManifestPage,
)
from shared.contracts.matches import (
    DecideMatches,
    DecisionPage,
    ListDecisions,
    MatchesDecided,
)
from shared.contracts.preferences import (
    ListPreferences,
    PreferencePage,
    PreferencesSet,
    SetPreferences,
)
from shared.contracts.room import AskRoom, RoomLeft
from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    ScheduleChanged,
    SchedulePage,
)
from shared.contracts.source_list import ListSources, SourcePage

COLLECTIONS_LIST = Question(
    name="collections.list",
    about="Which collections there are, and what is kept of each.",
    service="discovery",
    asked_by=(EMBEDDING, PROJECTION, WRITING, GATEWAY, OPERATOR),
    contract=ListCollections,
    answer=CollectionPage,
)
COLLECTIONS_WAKE = Question(
    name="collections.wake",
    about="Have a collection worked on, for which there is something to do.",
    service="discovery",
    asked_by=(PROJECTION,),
    contract=WakeCollection,
    answer=WokenCollection,
)
JOBS_LIST = Question(
    name="jobs.list",
    about="Which jobs there are, and how far each is.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListJobs,
    answer=JobPage,
)
EFFECTS_LIST = Question(
    name="effects.list",
    about="Who had what done with sources, and how it came out.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListEffects,
    answer=EffectPage,
)
PREFERENCES_LIST = Question(
    name="preferences.list",
    about="Which columns a collection prefers, and which its tables have.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListPreferences,
    answer=PreferencePage,
)
PREFERENCES_SET = Question(
    name="preferences.set",
    about="Has other columns chosen for a collection, as its next version.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=SetPreferences,
    answer=PreferencesSet,
)
SCHEDULES_LIST = Question(
    name="schedules.list",
    about="What is fetched every few hours, and what became of that.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListSchedules,
    answer=SchedulePage,
)
SCHEDULES_CHANGE = Question(
    name="schedules.change",
    about="Has a schedule made, changed, removed, or run by hand.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ChangeSchedule,
    answer=ScheduleChanged,
)
MANIFESTS_LIST = Question(
    name="manifests.list",
    about="Which lists of sources are applied every few hours, and what became of that.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListManifests,
    answer=ManifestPage,
)
MANIFESTS_CHANGE = Question(
    name="manifests.change",
    about="Has a list of sources applied, changed, removed, or run by hand.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ChangeManifest,
    answer=ManifestChanged,
)
MATCHES_DECISIONS = Question(
    name="matches.decisions",
    about="What people decided of pairs of records of two collections.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListDecisions,
    answer=DecisionPage,
)
MATCHES_DECIDE = Question(
    name="matches.decide",
    about="Has pairs of records accepted or rejected. Harmless when told again.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=DecideMatches,
    answer=MatchesDecided,
)
FETCHES_TAKE = Question(
    name="fetches.take",
    about="What a courier is to fetch or have analysed, and what it is to go on with.",
    service="discovery",
    asked_by=(COURIER,),
    contract=TakeFetches,
    answer=FetchesTaken,
)
FETCHES_DELIVER = Question(
    name="fetches.deliver",
    about="What came of a fetch: a file is made a source. Harmless when told again.",
    service="discovery",
    asked_by=(COURIER,),
    contract=DeliverFetch,
    answer=FetchDelivered,
)
FETCHES_ANALYSIS = Question(
    name="fetches.analysis",
    about="Note how far the analysis of a file is. Harmless when told again.",
    service="discovery",
    asked_by=(COURIER,),
    contract=NoteAnalysis,
    answer=AnalysisNoted,
)
SOURCES_LIST = Question(
    name="sources.list",
    about="Which sources a collection has, and how far each is.",
    service="discovery",
    asked_by=(GATEWAY, OPERATOR),
    contract=ListSources,
    answer=SourcePage,
)


def _remove(service: str) -> Question[RemoveCollection, CollectionRemoved]:
    return Question(
        name=f"{REMOVALS}{service}",
        about=f"Has {service} leave a collection that is being deleted, and remove what it keeps "
        "of it; every process of the service answers whether that is done.",
        service=service,
        asked_by=(DISCOVERY,),
        contract=RemoveCollection,
        answer=CollectionRemoved,
    )


REMOVALS = "collections.remove."
COLLECTIONS_REMOVE = {one: _remove(one) for one in (WRITING, PROJECTION, EMBEDDING)}
"""By service. Whoever publishes on behalf of a collection is asked: it has to say that it does so
no more."""
DATASET_HISTORY = Question(
    name="dataset.history",
    about="Whether a ledger or a state of projection belongs to the dataset of a collection.",
    service="writing",
    asked_by=(DISCOVERY, PROJECTION),
    contract=CompareHistory,
    answer=ComparedHistory,
    is_per_collection=True,
)
DATASET_SOURCES = Question(
    name="dataset.sources",
    about="Which versions of sources the dataset of a collection has.",
    service="writing",
    asked_by=(DISCOVERY, PROJECTION),
    contract=AskStored,
    answer=StoredVersions,
    is_per_collection=True,
)
DATASET_VECTORS = Question(
    name="dataset.vectors",
    about="Which vectors the dataset of a collection has.",
    service="writing",
    asked_by=(PROJECTION,),
    contract=AskStored,
    answer=StoredVectors,
    is_per_collection=True,
)
DATASET_MODELS = Question(
    name="dataset.models",
    about="Which models are archived beside the dataset of a collection.",
    service="writing",
    asked_by=(PROJECTION,),
    contract=AskStored,
    answer=StoredModels,
    is_per_collection=True,
)
DATASET_ROOM = Question(
    name="dataset.room",
    about="Whether there is room beside the dataset of a collection for a version of a source "
    "that replaces another one.",
    service="writing",
    asked_by=(DISCOVERY,),
    contract=AskRoom,
    answer=RoomLeft,
    is_per_collection=True,
)
QUESTIONS = (
    COLLECTIONS_LIST,
    COLLECTIONS_WAKE,
    SOURCES_LIST,
    JOBS_LIST,
    EFFECTS_LIST,
    PREFERENCES_LIST,
    PREFERENCES_SET,
    SCHEDULES_LIST,
    SCHEDULES_CHANGE,
    MANIFESTS_LIST,
    MANIFESTS_CHANGE,
    MATCHES_DECISIONS,
    MATCHES_DECIDE,
    FETCHES_TAKE,
    FETCHES_DELIVER,
    FETCHES_ANALYSIS,
    *COLLECTIONS_REMOVE.values(),
    DATASET_HISTORY,
    DATASET_SOURCES,
    DATASET_VECTORS,
    DATASET_MODELS,
    DATASET_ROOM,
)
