"""Spans by OpenTelemetry's SDK, sent over OTLP/HTTP. Needs the extra ``otel``."""

import traceback
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.redaction import redact

EXPORT_S = 5.0
"""A collector that is away must not keep a service from stopping."""


class OtelTracing:
    """Makes spans and keeps none: sampling and queueing are the SDK's, by its own variables."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("mapstream")
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def exporting(cls, service: str, endpoint: str) -> Self:
        """Send spans to a collector, in the background."""
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_S)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    @contextmanager
    def span(
        self,
        name: str,
        kind: str,
        *,
        part_of: Context | None,
        links: Sequence[Context],
        since_ns: int | None,
    ) -> Iterator[Span]:
        """Make a span of a block."""
        with (
            self._tracer.start_as_current_span(
                name,
                context=part_of,
                kind=SpanKind[kind.upper()],
                links=[_link(one) for one in links],
                start_time=since_ns,
                record_exception=False,
                set_status_on_exception=False,
            ) as made,
            _noting(made),
        ):
            yield made

    @contextmanager
    def handling(
        self, messages: Mapping[str, tuple[str, Mapping[str, str]]]
    ) -> Iterator[Mapping[str, Context]]:
        """Make a span per message; several get one more, for their common work."""
        spans = {
            key: self._tracer.start_span(
                name, context=self.remote(headers), kind=SpanKind.CONSUMER
            )
            for key, (name, headers) in messages.items()
        }
        try:
            with self._together(list(spans.values())):
                yield {key: set_span_in_context(one, Context()) for key, one in spans.items()}
        except Exception as error:
            for one in spans.values():
                _note(one, error)
            raise
        finally:
            for one in spans.values():
                one.end()

    @contextmanager
    def _together(self, spans: Sequence[Span]) -> Iterator[None]:
        if len(spans) == 1:
            with use_span(spans[0]):
                yield
            return
        links = [Link(one.get_span_context()) for one in spans]
        with self._tracer.start_as_current_span(
            "process together",
            context=Context(),
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as common:
            for one in spans:
                one.add_link(common.get_span_context())
            with _noting(common):
                yield

    def remote(self, headers: Mapping[str, str]) -> Context:
        """Read where a caller's trace is."""
        return self._propagator.extract(headers, context=Context())

    def inject(self, headers: MutableMapping[str, str]) -> None:
        """Write the present place in the trace into headers."""
        self._propagator.inject(headers)

    def current(self) -> Context | None:
        """Return the present place in the trace."""
        span = get_current_span()
        return set_span_in_context(span, Context()) if span.is_recording() else None

    def shut_down(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()


@contextmanager
def _noting(span: Span) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _note(span, error)
        raise


def _note(span: Span, error: Exception) -> None:
    """Note on a span what failed, as the SDK does, but without secrets."""
    trace = "".join(traceback.format_exception(error))
    facts = {"type": type(error).__qualname__, "message": str(error), "stacktrace": trace}
    span.add_event("exception", {f"exception.{name}": redact(v) for name, v in facts.items()})
    span.set_status(Status(StatusCode.ERROR, redact(str(error))))


def _link(place: Context) -> Link:
    return Link(get_current_span(place).get_span_context())
