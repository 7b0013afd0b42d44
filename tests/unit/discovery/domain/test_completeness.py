"""What a log's last line says about the run that wrote it."""

import json
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.discovery.domain.completeness import EXPLAINED, Completion, why_incomplete
from services.discovery.domain.json_values import Decode
from services.discovery.domain.lines import Line

PARSERS = pytest.mark.parametrize("decode", [json.loads, orjson.loads], ids=["json", "orjson"])


@PARSERS
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"final_answer": "x"}', None),
        (b'{"final_answer": ""}', None),
        (b'{"final_answer": [1]}', None),
        (b'{"final_answer": "x", "a": NaN}', None),
        (b'{"final_answer": null}', "no_final_answer"),
        (b"{}", "no_final_answer"),
        (b'{"event_type": "run_end", "data": {"final_answer": "x"}}', "no_final_answer"),
        (b"", "empty"),
        (b" \r", "empty"),
        (b'["final_answer"]', "no_json_at_end"),
        (b'{"final_answer": "x"}{"final_answer": null}', "no_final_answer"),
        (b'{"final_answer": null}{"final_answer": "x"}', None),
        (b'{"final_answer": "x"}{"trunc', "no_json_at_end"),
        (b"\x1f\x8b\x08\x00", "no_json_at_end"),
    ],
)
def test_a_run_has_ended_if_the_last_object_has_an_answer(
    decode: Decode, data: bytes, expected: str | None
) -> None:
    found = why_incomplete(Line(1, 0, data), decode)

    assert found == expected
    assert found is None or EXPLAINED[found]


def test_a_source_without_a_line_is_empty() -> None:
    assert why_incomplete(None) == "empty"


@PARSERS
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"{}", None),
        (b'{"final_answer": null}', None),
        (b"[1]", "no_json_at_end"),
        (b'{} {"cut', "no_json_at_end"),
        (b"", "empty"),
    ],
)
def test_where_any_line_will_do_it_must_be_a_whole_object(
    decode: Decode, data: bytes, expected: str | None
) -> None:
    assert why_incomplete(Line(1, 0, data), decode, needs_answer=False) == expected


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(0, "changed_lately"), (59, "changed_lately"), (60, None), (999, None)],
)
def test_a_source_is_complete_when_it_was_left_alone_for_long(
    age_s: int, expected: str | None
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ctime_ns = (int(now.timestamp()) - age_s) * 10**9
    completion = Completion("unchanged", timedelta(minutes=1))

    assert completion.why_too_young(ctime_ns, now) == expected
