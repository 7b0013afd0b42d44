"""THE table of metrics: every name, what it counts and who tells it.

``docs/observability.md``, the alert rules and the dashboard are checked against this table. Names
follow Prometheus's conventions: base units, ``_total`` for counters. Labels have few values:

* ``stage``: the service; ``collection``: a map that is served, else ``other``;
* ``family``: a subject without its collection; ``step``, ``outcome``, ``reason``: words of ours.
"""

from shared import services
from shared.observability.instruments import AGES, DURATIONS, Counter, Gauge, Histogram

EVERY = "every service"
READERS = ", ".join(services.READERS)
HTTP = "gateway, text2vec"
FLOW = ("stage", "collection", "family")

MESSAGES_RECEIVED = Counter(
    "mapstream_messages_received_total",
    FLOW,
    READERS,
    "Messages that the bus handed to a handler, redeliveries included.",
)
RECORDS_RECEIVED = Counter(
    "mapstream_records_received_total", FLOW, READERS, "Records in those messages."
)
REDELIVERIES = Counter(
    "mapstream_redeliveries_total",
    FLOW,
    READERS,
    "Messages that were handed over again: the first time failed, or took too long.",
)
MESSAGES_SETTLED = Counter(
    "mapstream_messages_settled_total",
    (*FLOW, "outcome"),
    READERS,
    "Ends of handling: acked, retried (comes again after a pause) or buried (dead letter).",
)
FAILURES = Counter(
    "mapstream_handling_failures_total",
    (*FLOW, "reason"),
    READERS,
    "Failures of a handler, by message: invalid, transient (the outside world) or unexpected.",
)
HANDLING = Histogram(
    "mapstream_handling_seconds",
    FLOW,
    READERS,
    "One call of a handler, of a message or a micro-batch, until it is settled.",
    DURATIONS,
)
BATCH_AGE = Histogram(
    "mapstream_batch_age_seconds",
    FLOW,
    READERS,
    "From the first publishing of a batch, by discovery, until this stage is done with it.",
    AGES,
)
MESSAGES_PUBLISHED = Counter(
    "mapstream_messages_published_total",
    FLOW,
    EVERY,
    "Messages that a stream stored, dead letters included.",
)
RECORDS_PUBLISHED = Counter(
    "mapstream_records_published_total", FLOW, EVERY, "Records in those messages."
)
PUBLISHING = Histogram(
    "mapstream_publish_seconds",
    ("stage", "family"),
    EVERY,
    "From the first try to publish a message until a stream stored it.",
    DURATIONS,
)
PUBLISH_RETRIES = Counter(
    "mapstream_publish_retries_total",
    ("stage", "family", "reason"),
    EVERY,
    "Tries to publish that failed: refused (the stream is full or missing) or unreachable.",
)
DEAD_LETTERS = Counter(
    "mapstream_dead_letters_total",
    ("stage", "collection"),
    READERS,
    "Dead letters that a stage wrote.",
)
DEAD_RECORDS = Counter(
    "mapstream_dead_records_total",
    ("stage", "collection"),
    READERS,
    "Records that are lost with them; a line that is no record counts as one.",
)
PENDING = Gauge(
    "mapstream_consumer_pending_messages",
    ("stage", "collection", "durable"),
    READERS,
    "Messages that wait for a durable consumer: the lag. Replicas tell the same number.",
)
UNACKNOWLEDGED = Gauge(
    "mapstream_consumer_unacknowledged_messages",
    ("stage", "collection", "durable"),
    READERS,
    "Messages in hand: delivered and not settled. Replicas tell the same number.",
)
BUS_CONNECTED = Gauge(
    "mapstream_bus_connected", ("stage",), EVERY, "1 while there is a connection to NATS."
)
BUS_DISCONNECTIONS = Counter(
    "mapstream_bus_disconnections_total", ("stage",), EVERY, "Connections to NATS that were lost."
)
HALTED = Gauge(
    "mapstream_halted",
    ("stage",),
    EVERY,
    "1 while a stage gives up no more messages, since too large a share would be dead.",
)
SERVICE_STATE = Gauge(
    "mapstream_service_state",
    ("stage", "state"),
    EVERY,
    "1 for the present state: starting, standby, waiting, running or stopping.",
)
BUILD = Gauge("mapstream_build_info", ("stage", "version"), EVERY, "1; the label says which.")
STEPS = Histogram(
    "mapstream_step_seconds",
    ("step",),
    READERS,
    "Work inside a handler or loop: read, embed, project, checkpoint, commit, move (the map to "
    "a model), snapshot (the public files).",
    DURATIONS,
)

BLOCKED = Gauge(
    "mapstream_blocked",
    ("stage", "collection"),
    "embedding, writing",
    "1 while a stage stands still: no embedding server, or no room on the disk.",
)

SOURCES = Gauge(
    "mapstream_sources",
    ("collection", "status"),
    "discovery",
    "Sources in the ledger, by status.",
)
STALLED = Gauge(
    "mapstream_stalled_sources",
    ("collection",),
    "discovery",
    "Sources whose numbers have not changed for ingestion.stalled_after_s.",
)
STALE_SCHEDULES = Gauge(
    "mapstream_stale_schedules",
    ("collection",),
    "discovery",
    "Schedules and manifests of which no run has succeeded for nine hours, or one and a half "
    "periods.",
)
CONTRADICTED = Gauge(
    "mapstream_contradicted_batches",
    ("collection",),
    "discovery",
    "Batches of which two things were told that cannot both be true.",
)
LEDGER = Gauge(
    "mapstream_ledger_records",
    ("collection", "state"),
    "discovery",
    "Records by state; seen = mapped + dead + in_flight.",
)

MODEL_VERSION = Gauge(
    "mapstream_model_version", ("collection",), "projection", "Current model; 0: none yet."
)
MODEL_VARIANCE = Gauge(
    "mapstream_model_explained_variance_ratio",
    ("collection", "axis"),
    "projection",
    "Share of the variance that an axis (x, y) explains.",
)
MODEL_MOVEMENT = Gauge(
    "mapstream_model_movement_ratio",
    ("collection",),
    "projection",
    "Root mean square of how far points moved to the current model, as a share of the map's "
    "diagonal.",
)
MODEL_RECORDS = Gauge(
    "mapstream_model_records", ("collection",), "projection", "Records the model was fitted to."
)
MODEL_CREATED = Gauge(
    "mapstream_model_created_timestamp_seconds",
    ("collection",),
    "projection",
    "When the current model was fitted, Unix time.",
)
COUNTED_RECORDS = Gauge(
    "mapstream_projection_records", ("collection",), "projection", "Records in the moments."
)
UNSETTLED = Gauge(
    "mapstream_unsettled_batches", ("collection", "state"), "projection", "Pending or in doubt."
)
REFIT_HELD = Gauge(
    "mapstream_refit_held",
    ("collection",),
    "projection",
    "1 while a refit waits for force, since points would move too far.",
)

DATASET_ROWS = Gauge("mapstream_dataset_rows", ("collection",), "writing", "Rows of the dataset.")
DATASET_VERSION = Gauge(
    "mapstream_dataset_version", ("collection",), "writing", "Current version of the dataset."
)
DATASET_KEPT = Gauge(
    "mapstream_dataset_kept_versions", ("collection",), "writing", "Versions that are kept."
)
DATASET_BYTES = Gauge(
    "mapstream_dataset_bytes",
    ("collection", "part"),
    "writing",
    "Size on disk of the store, logs.parquet and embeddings.parquet.",
)
WRITTEN_MODEL = Gauge(
    "mapstream_dataset_model_version",
    ("collection",),
    "writing",
    "Model of the stored coordinates.",
)
FILES_FRESH = Gauge(
    "mapstream_files_fresh",
    ("collection",),
    "writing",
    "1 if the public files hold what the store holds.",
)
FILES_PUBLISHED = Gauge(
    "mapstream_files_published_timestamp_seconds",
    ("collection",),
    "writing",
    "When the public files were replaced last, Unix time.",
)

HTTP_REQUESTS = Counter(
    "mapstream_http_requests_total",
    ("stage", "endpoint", "method", "status"),
    HTTP,
    "Answered requests; the endpoint is the function that answers.",
)
HTTP_ERRORS = Counter(
    "mapstream_http_errors_total", ("stage",), HTTP, "Requests that were answered with 500 to 599."
)
HTTP_REQUEST = Histogram(
    "mapstream_http_request_seconds",
    ("stage", "endpoint"),
    HTTP,
    "From a request until its answer is sent; streams last as long as their reader.",
    DURATIONS,
)
HTTP_REFUSALS = Counter(
    "mapstream_http_refusals_total",
    ("stage", "status"),
    EVERY,
    "Requests and connections that the door itself refused, by status; 408 also where one that "
    "only waited made room for another.",
)
HTTP_IN_FLIGHT = Gauge(
    "mapstream_http_requests_in_flight", ("stage",), HTTP, "Requests under way, streams included."
)
TEXT2VEC_TEXTS = Counter(
    "mapstream_text2vec_texts_total", (), "text2vec", "Texts that the model embedded."
)
TEXT2VEC_TOKENS = Counter(
    "mapstream_text2vec_tokens_total", (), "text2vec", "Tokens of those texts."
)
FETCHES = Counter(
    "mapstream_fetches_total",
    ("outcome",),
    "courier",
    "Files that were asked for: fetched, unchanged or failed.",
)
FETCHED_BYTES = Counter(
    "mapstream_fetched_bytes_total", (), "courier", "Bytes of those that were fetched."
)
