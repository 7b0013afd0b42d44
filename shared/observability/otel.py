"""Spans by OpenTelemetry's SDK, sent over OTLP/HTTP. Needs the extra ``otel``."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

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

    def span(
        self,
        name: str,
        kind: str,
        *,
        part_of: Context | None,
        links: Sequence[Context],
        since_ns: int | None,
    ) -> AbstractContextManager[Any]:
        """Make a span of a block."""
        return self._tracer.start_as_current_span(
            name,
            context=part_of,
            kind=SpanKind[kind.upper()],
            links=[_link(one) for one in links],
            start_time=since_ns,
        )

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
                one.record_exception(error)
                one.set_status(Status(StatusCode.ERROR, str(error)))
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
            "process together", context=Context(), links=links
        ) as common:
            for one in spans:
                one.add_link(common.get_span_context())
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


def _link(place: Context) -> Link:
    return Link(get_current_span(place).get_span_context())
