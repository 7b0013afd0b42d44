"""What an analysis service may answer, and what is made of its records."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.courier.domain.analysis import (
    AnswerError,
    Standing,
    parse_health,
    parse_remote_id,
    parse_standing,
)
from services.courier.domain.records import Lines, line_of

BASE = "http://analysis:8001/v1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "status", "phase", "items_processed", "items_total", "matches_found", "review_queue",
    "errors", "progress_percentage", "result_url", "error", "job_id",
)  # fmt: skip
ANSWERS = st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(("completed", "/a")))


def standing(**fields: Any) -> Standing:
    return parse_standing(json.dumps({"status": "processing"} | fields).encode(), BASE)


@given(st.binary() | (ANSWERS | JSON).map(lambda one: json.dumps(one).encode()))
def test_whatever_is_answered_is_an_answer_or_a_reason(body: bytes) -> None:
    for read in (parse_remote_id, parse_health, lambda one: parse_standing(one, BASE)):
        try:
            found = read(body)
        except AnswerError:
            continue
        if isinstance(found, Standing):
            assert found.items_processed >= 0
            assert found.result_url is None or found.result_url.startswith("http://analysis:8001/")


def test_deep_and_torn_answers_are_reasons() -> None:
    for body in (b"[" * 100_000, b'{"status": "comp', b"\xff\xfe", b""):
        with pytest.raises(AnswerError, match="it is no JSON"):
            parse_standing(body, BASE)


def test_a_standing_is_read_whole() -> None:
    found = standing(
        status="completed", items_processed=3.0, items_total=4, matches_found=2, review_queue=1,
        errors=["row 4 is empty", {"message": "row 9"}], result_url="../analyze/result/7",
    )  # fmt: skip

    assert found == Standing(
        state="completed",
        phase="complete",
        items_processed=3,
        items_total=4,
        matches_found=2,
        review_queue=1,
        errors=2,
        result_url="http://analysis:8001/analyze/result/7",
        reason="row 4 is empty; row 9",
    )


def test_who_names_no_phase_matches_once_all_is_read() -> None:
    assert standing(items_processed=3, items_total=4).phase == "analyzing"
    assert standing(items_processed=4, items_total=4).phase == "matching"
    assert standing(items_processed=4, items_total=4, phase="analyzing").phase == "analyzing"


@pytest.mark.parametrize(
    "url",
    ["http://elsewhere/x", "//elsewhere/x", "https://analysis:8001/x", "file:///etc/passwd",
     "http://analysis:8001@elsewhere/x", "http://analysis/x", 7, "", "http://[x", "/a\nb"],
)  # fmt: skip
def test_a_result_is_fetched_from_the_service_alone(url: Any) -> None:
    with pytest.raises(AnswerError, match="result_url"):
        standing(status="completed", result_url=url)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "ü", "a" * 129, True, None, 1.5, ["a"]])
def test_a_name_that_could_lead_elsewhere_is_none(name: Any) -> None:
    with pytest.raises(AnswerError, match="job_id"):
        parse_remote_id(json.dumps({"job_id": name}).encode())


def test_names_are_words_or_numbers() -> None:
    assert parse_remote_id(b'{"job_id": 7}') == "7"
    assert parse_remote_id(b'{"job_id": "a-1.b:2~_"}') == "a-1.b:2~_"


def test_a_record_is_one_line_of_text_key_and_attributes() -> None:
    given = {"text": "a\nb", "key": 3, "attributes": {"unit": "kg", "key": "theirs", "type": "x"}}

    assert json.loads(line_of(json.dumps(given).encode())) == {
        "text": "a\nb", "key": 3, "unit": "kg", "attributes.key": "theirs", "type": "x",
    }  # fmt: skip


def test_what_is_no_record_stays_a_line_that_the_reader_tells_of() -> None:
    for line in (b'{"text": ""}', b'{"no": 1}', b'{"text": "a", "attributes": [1]}'):
        assert isinstance(json.loads(line_of(line)), str)
    for line in (b"torn {", b"[1]", b'"a"', b""):
        assert line_of(line) == line


@given(st.lists(st.sampled_from([b"", b'{"text": "a"}', b"torn"])), st.lists(st.integers(0, 60)))
def test_lines_are_the_same_however_they_come(lines: list[bytes], cuts: list[int]) -> None:
    content = b"\n".join(lines)
    places = sorted({0, len(content), *(one for one in cuts if one < len(content))})
    coming = Lines()

    found = b"".join(coming.take(content[a:b]) for a, b in pairwise(places)) + coming.rest()

    assert found.splitlines() == [line_of(one) for one in content.splitlines()]
    assert coming.count == sum(bool(one) for one in lines)
