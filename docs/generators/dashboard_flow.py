"""What the dashboard shows of the work: what flows, the embedding server, the model."""

from docs.generators.dashboard_panel import OF, OVER, Panel, now, number, quantile, rate
from shared.observability import embedder_metrics as e
from shared.observability import metrics as m

FLOW: dict[str, list[Panel]] = {
    "Now": [
        number("Records mapped", now(m.LEDGER, "state", f'{OF}, state="mapped"')),
        number("Records in flight", now(m.LEDGER, "state", f'{OF}, state="in_flight"')),
        number("Records dead", now(m.LEDGER, "state", f'{OF}, state="dead"')),
        number("Model", now(m.MODEL_VERSION, "collection")),
        number("Rows", now(m.DATASET_ROWS, "collection")),
        number("Services running", f'count({m.SERVICE_STATE.name}{{state="running"}})'),
    ],
    "Flow": [
        Panel(
            title="Records in",
            asks={"{{stage}} {{family}}": rate(m.RECORDS_RECEIVED, "stage, family", OF)},
            unit="rps",
        ),
        Panel(
            title="Records out",
            asks={"{{stage}} {{family}}": rate(m.RECORDS_PUBLISHED, "stage, family", OF)},
            unit="rps",
        ),
        Panel(
            title="Lag",
            about="Messages before a durable consumer, and in hand.",
            asks={
                "{{durable}} waiting": now(m.PENDING, "durable", 'collection=~"$collection|"'),
                "{{durable}} in hand": now(
                    m.UNACKNOWLEDGED, "durable", 'collection=~"$collection|"'
                ),
            },
        ),
        Panel(
            title="Batch age, 95 %",
            about="From the first publishing by discovery until the stage is done.",
            asks={"{{stage}}": quantile(0.95, m.BATCH_AGE, "stage", f'{OF}, family=~".*batch"')},
            unit="s",
        ),
        Panel(
            title="Handling, 95 %",
            asks={"{{stage}} {{family}}": quantile(0.95, m.HANDLING, "stage, family", OF)},
            unit="s",
        ),
        Panel(
            title="Publishing, 95 %",
            asks={"{{stage}} {{family}}": quantile(0.95, m.PUBLISHING, "stage, family")},
            unit="s",
        ),
        Panel(
            title="Batches and other messages",
            asks={
                "{{stage}} in": rate(m.MESSAGES_RECEIVED, "stage", OF),
                "{{stage}} out": rate(m.MESSAGES_PUBLISHED, "stage", OF),
                "{{stage}} {{outcome}}": rate(m.MESSAGES_SETTLED, "stage, outcome", OF),
            },
            unit="mps",
        ),
        Panel(
            title="Failures and redeliveries",
            asks={
                "{{stage}} {{reason}}": rate(m.FAILURES, "stage, reason", OF),
                "{{stage}} redelivered": rate(m.REDELIVERIES, "stage", OF),
                "{{stage}} publishing {{reason}}": rate(m.PUBLISH_RETRIES, "stage, reason"),
            },
            unit="mps",
        ),
        Panel(
            title="Dead",
            asks={
                "{{stage}} records": rate(m.DEAD_RECORDS, "stage", OF),
                "{{stage}} letters": rate(m.DEAD_LETTERS, "stage", OF),
                "{{stage}} halted": now(m.HALTED, "stage", ""),
            },
            unit="rps",
        ),
    ],
    "Embedding server": [
        Panel(
            title="Requests",
            asks={
                "{{outcome}}": rate(e.EMBEDDER_REQUESTS, "outcome"),
                "retries": f"sum(rate({e.EMBEDDER_RETRIES.name}{OVER}))",
            },
            unit="reqps",
        ),
        Panel(
            title="Request",
            asks={
                "50 %": quantile(0.5, e.EMBEDDER_REQUEST, "job"),
                "95 %": quantile(0.95, e.EMBEDDER_REQUEST, "job"),
            },
            unit="s",
        ),
        Panel(
            title="Concurrency",
            asks={
                "in flight": f"sum({e.EMBEDDER_IN_FLIGHT.name})",
                "{{stage}} blocked": now(m.BLOCKED, "stage", ""),
            },
        ),
        Panel(
            title="Vectors known from before",
            asks={
                "{{outcome}}": rate(e.VECTOR_CACHE, "outcome"),
                "failures": f"sum(rate({e.VECTOR_CACHE_FAILURES.name}{OVER}))",
            },
            unit="cps",
        ),
        Panel(
            title="Vector cache",
            asks={"{{instance}}": f"max by (instance) ({e.VECTOR_CACHE_BYTES.name})"},
            unit="bytes",
        ),
        Panel(
            title="Work",
            asks={
                "texts": f"sum(rate({e.EMBEDDER_TEXTS.name}{OVER}))",
                "characters": f"sum(rate({e.EMBEDDER_CHARACTERS.name}{OVER}))",
                "tokens": f"sum(rate({e.EMBEDDER_TOKENS.name}{OVER}))",
            },
            unit="cps",
            width=12,
        ),
        Panel(
            title="text2vec",
            asks={
                "texts": f"sum(rate({m.TEXT2VEC_TEXTS.name}{OVER}))",
                "tokens": f"sum(rate({m.TEXT2VEC_TOKENS.name}{OVER}))",
            },
            unit="cps",
            width=12,
        ),
        Panel(
            title="Fetched files",
            asks={
                "{{outcome}}": f"sum by (outcome) (rate({m.FETCHES.name}{OVER}))",
                "bytes": f"sum(rate({m.FETCHED_BYTES.name}{OVER}))",
            },
            unit="cps",
        ),
    ],
    "Model": [
        Panel(
            title="Version",
            asks={
                "{{collection}} model": now(m.MODEL_VERSION, "collection"),
                "{{collection}} map": now(m.WRITTEN_MODEL, "collection"),
                "{{collection}} refit held": now(m.REFIT_HELD, "collection"),
            },
        ),
        Panel(
            title="Explained variance",
            asks={"{{collection}} {{axis}}": now(m.MODEL_VARIANCE, "collection, axis")},
            unit="percentunit",
        ),
        Panel(
            title="Movement of the last refit",
            about="Root mean square, as a share of the map's diagonal.",
            asks={"{{collection}}": now(m.MODEL_MOVEMENT, "collection")},
            unit="percentunit",
        ),
        Panel(
            title="Records counted and fitted",
            asks={
                "{{collection}} counted": now(m.COUNTED_RECORDS, "collection"),
                "{{collection}} fitted": now(m.MODEL_RECORDS, "collection"),
            },
            width=12,
        ),
        Panel(
            title="Batches not known to be stored",
            about="Pending ones wait to be told of; those in doubt are stored and do not count.",
            asks={"{{collection}} {{state}}": now(m.UNSETTLED, "collection, state")},
            width=12,
        ),
        Panel(
            title="Age of the model",
            asks={"{{collection}}": f"time() - {now(m.MODEL_CREATED, 'collection')}"},
            unit="s",
            width=12,
        ),
    ],
}
