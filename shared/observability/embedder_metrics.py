"""What is measured of the embedding server, and of the vectors that are known from before."""

from shared.observability.instruments import DURATIONS, Counter, Gauge, Histogram

EMBEDDER_REQUESTS = Counter(
    "mapstream_embedder_requests_total",
    ("outcome",),
    "embedding",
    "Requests to the embedding server: done, unavailable, rejected or failed (a defect).",
)
EMBEDDER_REQUEST = Histogram(
    "mapstream_embedder_request_seconds",
    (),
    "embedding",
    "One request to the embedding server, whatever its outcome.",
    DURATIONS,
)
EMBEDDER_IN_FLIGHT = Gauge(
    "mapstream_embedder_requests_in_flight", (), "embedding", "Requests that wait for an answer."
)
EMBEDDER_RETRIES = Counter(
    "mapstream_embedder_retries_total",
    (),
    "embedding",
    "Pauses before another try: the server was away, overloaded or failed.",
)
EMBEDDER_TEXTS = Counter(
    "mapstream_embedder_texts_total", (), "embedding", "Texts that were embedded."
)
EMBEDDER_CHARACTERS = Counter(
    "mapstream_embedder_characters_total", (), "embedding", "Characters of those texts."
)
EMBEDDER_TOKENS = Counter(
    "mapstream_embedder_tokens_total",
    (),
    "embedding",
    "Tokens of those texts, if the server's answers tell them.",
)
VECTOR_CACHE = Counter(
    "mapstream_vector_cache_texts_total",
    ("outcome",),
    "embedding",
    "Texts of batches, each once: hit, its vector was known from before; miss, it was not.",
)
VECTOR_CACHE_BYTES = Gauge(
    "mapstream_vector_cache_bytes", (), "embedding", "What is used of the vector cache's file."
)
VECTOR_CACHE_FAILURES = Counter(
    "mapstream_vector_cache_failures_total",
    (),
    "embedding",
    "Times the vector cache could not be read or written; embedding went on without.",
)
