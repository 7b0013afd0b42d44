"""Traces over the real bus: a message at a time, and several together."""

from collections.abc import Iterable, Sequence

import pytest
from nats.js import JetStreamContext
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.messages.received import Delivery
from shared.bus.registry.batches import DISCOVERY_BATCH, EMBEDDING_BATCH, PROJECTION_BATCH
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES, PROJECTION_READS_BATCHES
from shared.contracts.batches import Batch, decode
from shared.observability import tracing
from shared.observability.otel import OtelTracing
from shared.observability.steps import step
from shared.settings import NatsSection
from tests.builders import batch
from tests.integration.one_by_one import each, router_of
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

BATCHES = 5


async def embed(delivery: Delivery) -> Iterable[Outgoing]:
    with step("embed"):
        return [outgoing_batch(EMBEDDING_BATCH, decode(delivery.body))]


async def project(batches: Sequence[Batch]) -> Iterable[Outgoing]:
    with step("project"):
        return [outgoing_batch(PROJECTION_BATCH, one) for one in batches]


async def traced_run(server: NatsServer, js: JetStreamContext) -> list[ReadableSpan]:
    """Send batches through two stages; the second takes them together."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    bus = build_bus(NatsSection(url=server.url), "embedding")
    each(router_of(bus), EMBEDDING_READS_BATCHES, embed, concurrency=2)
    router_of(bus).durable(
        PROJECTION_READS_BATCHES,
        "default",
        lambda one: decode(one.body),
        Pull(BATCHES, PATIENCE_S),
    )(project)

    async def is_through() -> bool:
        return (await js.stream_info("PROJECTION")).state.messages == BATCHES

    with tracing.active(OtelTracing(provider)):
        async with bus.consuming():
            for number in range(BATCHES):
                with tracing.span("discover batch"):
                    one = batch(batch_id=f"b{number}")
                    await bus.publisher.publish(outgoing_batch(DISCOVERY_BATCH, one))
            await until(is_through)
        await bus.close()
    return list(exporter.get_finished_spans())


def ancestors(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> list[str]:
    by_id = {one.context.span_id: one for one in spans if one.context}
    names = []
    while span.parent:
        span = by_id[span.parent.span_id]
        names.append(span.name)
    return names


async def test_a_trace_leads_through_every_stage(server: NatsServer, js: JetStreamContext) -> None:
    spans = await traced_run(server, js)

    last = [span for span in spans if span.name == "publish projection.batch"]
    assert len({span.context.trace_id for span in last if span.context}) == BATCHES
    for span in last:
        assert ancestors(span, spans) == [
            "process embedding.batch",
            "publish embedding.batch",
            "process discovery.batch",
            "publish discovery.batch",
            "discover batch",
        ]
    stored = [await js.get_msg("PROJECTION", number + 1) for number in range(BATCHES)]
    told = {one.headers["traceparent"].split("-")[1] for one in stored if one.headers}
    assert told == {f"{span.context.trace_id:032x}" for span in last if span.context}


async def test_common_work_is_linked_to_the_traces_of_its_batches(
    server: NatsServer, js: JetStreamContext
) -> None:
    spans = await traced_run(server, js)

    processed = [span for span in spans if span.name == "process embedding.batch"]
    common = {span.context.span_id: span for span in spans if span.name == "process together"
              and span.context}  # fmt: skip
    assert common
    alone = 0
    for span in processed:
        linked = [common[link.context.span_id] for link in span.links]
        alone += not linked
        for one in linked:
            assert span.context in [link.context for link in one.links]
            assert "project" in {
                below.name for below in spans
                if below.parent and one.context and below.parent == one.context
            }  # fmt: skip
    assert alone < BATCHES
    embedded = [span for span in spans if span.name == "embed"]
    assert [ancestors(span, spans)[0] for span in embedded] == [
        "process discovery.batch"
    ] * BATCHES
