"""One trace follows one batch from its file to the dataset, across processes and the bus."""

from pathlib import Path

import pytest

from tests.e2e.local_run import run_once, write_source
from tests.otlp import Collector, SpanSeen, collecting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
STAGES = {f"mapstream-{name}" for name in ("discovery", "embedding", "projection", "writing")}
CLIENT, SERVER = 3, 2


def linked(collector: Collector, span: SpanSeen) -> list[SpanSeen]:
    ids = {span_id for _, span_id in span.links}
    return [one for one in collector.spans if one.span_id in ids]


async def test_a_trace_follows_a_batch_from_its_file_to_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        write_source(tmp_path / "runs" / f"{number}.jsonl", 200, f"agent {number}")
    with collecting() as collector:
        monkeypatch.setenv("MAPSTREAM_TRACING__ENDPOINT", collector.url)
        done = await run_once(tmp_path / "runs", tmp_path / "out")

    assert done.summary["records"]["mapped"] == 1200
    batches = collector.named("discover batch")
    assert len({one.trace_id for one in batches}) == len(batches) == 12
    for batch in batches:
        assert batch.parent == ""
        assert collector.services_of(batch.trace_id) >= STAGES
    written = collector.named("process projection.batch")
    assert {one.trace_id for one in written} == {one.trace_id for one in batches}
    for one in written:
        way = [f"{span.service.removeprefix('mapstream-')} {span.name}"
               for span in collector.ancestors(one)]  # fmt: skip
        assert way == [
            "projection publish projection.batch",
            "projection process embedding.batch",
            "embedding publish embedding.batch",
            "embedding process discovery.batch",
            "discovery publish discovery.batch",
            "discovery discover batch",
        ]


async def test_what_stages_do_with_a_batch_is_found_from_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        write_source(tmp_path / "runs" / f"{number}.jsonl", 200, f"agent {number}")
    with collecting() as collector:
        monkeypatch.setenv("MAPSTREAM_TRACING__ENDPOINT", collector.url)
        await run_once(tmp_path / "runs", tmp_path / "out")

    def near(span: SpanSeen) -> set[str]:
        """Name what is done below a span, or below the common work that it is linked to."""
        above = {span.span_id, *(one.span_id for one in linked(collector, span))}
        return {
            one.name
            for one in collector.spans
            if any(parent.span_id in above for parent in collector.ancestors(one))
        }

    for one in collector.named("process embedding.batch"):
        assert {"project", "checkpoint"} <= near(one)
    for one in collector.named("process projection.batch"):
        assert "commit" in near(one)
    for request in collector.named("POST /v1/embeddings"):
        assert request.kind == CLIENT
        assert [above.name for above in collector.ancestors(request)][:1] == ["embed"]
    (answered, *_) = [one for one in collector.spans if one.service == "mapstream-text2vec"
                      and one.parent]  # fmt: skip
    assert answered.kind == SERVER
    assert collector.ancestors(answered)[0].name == "POST /v1/embeddings"
    shown = [
        one for snapshot in collector.named("snapshot") for one in linked(collector, snapshot)
    ]
    assert shown
    assert {one.service for one in shown} == {"mapstream-writing"}
    assert {one.name for one in shown} <= {"process together", "process projection.batch"}
