"""Spans, without a collector: the SDK's own exporter keeps them in memory."""

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.errors import ConfigurationError
from shared.observability import tracing
from shared.observability.otel import OtelTracing
from shared.observability.steps import step

CALLER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
OTHER = {"traceparent": "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"}


@pytest.fixture
def made() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.active(OtelTracing(provider)):
        yield exporter


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def trace_of(headers: dict[str, str]) -> str:
    return headers["traceparent"].split("-")[1]


def test_off_nothing_happens() -> None:
    """Also no object is made: what is off must cost nothing."""
    headers: dict[str, str] = {}
    with tracing.span("a") as one, tracing.handling(dict) as traces:
        tracing.inject(headers)

    assert (one, traces, headers) == (None, {}, {})
    assert tracing.current() is None
    assert tracing.remote(CALLER) is None
    assert tracing.span("a") is tracing.span("b")


def test_off_the_packages_are_not_loaded() -> None:
    with tracing.exporting("mapstream-x", None):
        assert not tracing._active


def test_missing_packages_are_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shared.observability.otel", None)

    with (
        pytest.raises(ConfigurationError, match=r"tracing.endpoint: .*mapstream\[otel\]"),
        tracing.exporting("mapstream-x", "http://127.0.0.1:1"),
    ):
        pass


def test_a_step_is_a_span_below_what_it_is_part_of(made: InMemorySpanExporter) -> None:
    with tracing.span("outer"), step("commit"):
        pass

    spans = by_name(made)
    assert spans["commit"].parent == spans["outer"].context


def test_one_message_goes_on_with_its_trace(made: InMemorySpanExporter) -> None:
    headers: dict[str, str] = {}
    with tracing.handling(lambda: {"m": ("process a", CALLER)}) as traces:
        with step("embed"):
            pass
        with tracing.span("publish", "producer", part_of=traces["m"]):
            tracing.inject(headers)

    spans = by_name(made)
    assert set(spans) == {"process a", "embed", "publish"}
    assert spans["embed"].parent == spans["process a"].context
    assert trace_of(headers) == trace_of(CALLER)


def test_messages_that_are_handled_together_keep_their_traces(
    made: InMemorySpanExporter,
) -> None:
    told: dict[str, dict[str, str]] = {"m": {}, "n": {}}
    with tracing.handling(
        lambda: {"m": ("process a", CALLER), "n": ("process a", OTHER)}
    ) as traces:
        with step("project"):
            pass
        for key, headers in told.items():
            with tracing.span("publish", "producer", part_of=traces[key]):
                tracing.inject(headers)

    spans = made.get_finished_spans()
    common = by_name(made)["process together"]
    ones = [span for span in spans if span.name == "process a"]
    assert {trace_of(told["m"]), trace_of(told["n"])} == {trace_of(CALLER), trace_of(OTHER)}
    assert by_name(made)["project"].parent == common.context
    assert [link.context for link in common.links] == [one.context for one in ones]
    assert [[link.context for link in one.links] for one in ones] == [[common.context]] * 2


def test_a_failure_tells_no_secret(made: InMemorySpanExporter) -> None:
    """The SDK would write down the error and its traceback as they are."""

    def fail() -> None:
        with (
            tracing.handling(lambda: {"m": ("process a", CALLER), "n": ("process a", OTHER)}),
            tracing.span("step"),
        ):
            raise OSError("http://me:hidden@host/ is away")  # pragma: allowlist secret

    with pytest.raises(OSError, match="hidden"):
        fail()

    told = "".join(span.to_json() for span in made.get_finished_spans())
    assert told.count("OSError: http://***@host/ is away") == 4
    assert "hidden" not in told


def test_a_failure_is_seen_in_the_trace_of_every_message(made: InMemorySpanExporter) -> None:
    def fail() -> None:
        with tracing.handling(lambda: {"m": ("process a", CALLER), "n": ("process a", OTHER)}):
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()

    assert [span.status.is_ok for span in made.get_finished_spans()] == [False] * 3


def test_a_broken_header_begins_a_new_trace(made: InMemorySpanExporter) -> None:
    with tracing.handling(lambda: {"m": ("process a", {"traceparent": "nonsense"})}):
        pass

    (span,) = made.get_finished_spans()
    assert span.parent is None


def test_a_span_may_have_begun_before(made: InMemorySpanExporter) -> None:
    with tracing.span("read", since_ns=1_000):
        pass

    assert by_name(made)["read"].start_time == 1_000


def test_what_is_over_can_be_linked_to(made: InMemorySpanExporter) -> None:
    with tracing.span("commit"):
        place = tracing.current()
    with tracing.span("snapshot", links=[place]):
        pass

    spans = by_name(made)
    assert [link.context for link in spans["snapshot"].links] == [spans["commit"].context]
