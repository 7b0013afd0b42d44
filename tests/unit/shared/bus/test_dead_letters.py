from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.messages.headers import HEADER_LIMIT, header_text
from shared.bus.publishing.dead_letters import (
    outgoing_dead_letter,
    read_dead_letter,
)
from shared.bus.registry.dead_letters import DEAD
from shared.contracts.dead_letters import MAX_BODY, DeadLetter

anything = st.text(st.characters(), max_size=2000)


def letter(**changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "key": "batch-0:r",
        "stage": "embedding",
        "collection": "default",
        "reason": "refused",
        "body": b"the text",
        "filename": "a.jsonl",
        "line": 0,
        "byte_offset": 0,
        "record_id": "r",
        "source_id": "s",
        "source_version": 3,
        "batch_id": "batch-0",
    }
    return DeadLetter(**fields | changes)


def test_a_reason_tells_no_secret() -> None:
    reason = "no answer from http://me:hush-hush@server/v1"  # pragma: allowlist secret

    headers = outgoing_dead_letter(letter(reason=reason)).headers

    assert "server/v1" in headers["mapstream-reason"]
    assert "hush-hush" not in str(headers)


@given(anything)
def test_a_header_is_one_line_of_ascii_and_not_long(text: str) -> None:
    header = header_text(text)

    assert header.isascii()
    assert header.isprintable()
    assert len(header) <= HEADER_LIMIT
    assert header == header.strip()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=HEADER_LIMIT))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert header_text(text) == text


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("runs/ü.jsonl", "runs/\\xfc.jsonl"),
        ("日", "\\u65e5"),
        ("a\r\nNats-Rollup: all", "a\\x0d\\x0aNats-Rollup: all"),
        ("tab\there", "tab\\x09here"),
        ("\ud800", "\\ud800"),
        (7, "7"),
        ("", ""),
        ("x" * 1000, "x" * 897 + "..."),
    ],
)
def test_what_does_not_fit_into_a_header_is_spelled_out(value: Any, header: str) -> None:
    assert header_text(value) == header


def test_a_dead_letter_says_where_it_comes_from() -> None:
    out = outgoing_dead_letter(letter(filename="ü\n.jsonl", reason="r" * 5000, line=0))

    assert out.channel is DEAD["embedding"]
    assert out.collection == "default"
    assert out.message_id == "dead:embedding:batch-0:r"
    assert out.body == b"the text"
    headers = dict(out.headers)
    assert len(headers.pop("mapstream-reason")) == HEADER_LIMIT
    assert headers == {
        "mapstream-stage": "embedding",
        "mapstream-records": "1",
        "mapstream-attempts": "1",
        "mapstream-file": "\\xfc\\x0a.jsonl",
        "mapstream-line": "0",
        "mapstream-byte-offset": "0",
        "mapstream-record-id": "r",
        "mapstream-source-id": "s",
        "mapstream-source-version": "3",
        "mapstream-batch-id": "batch-0",
        "mapstream-key": "batch-0:r",
        "mapstream-body-bytes": "8",
    }


def test_what_is_not_known_is_not_said() -> None:
    unknown = dict.fromkeys(
        ("filename", "line", "byte_offset", "record_id", "source_id", "source_version", "batch_id")
    )

    headers = outgoing_dead_letter(letter(**unknown)).headers

    assert set(headers) == {
        f"mapstream-{name}"
        for name in ("stage", "reason", "records", "attempts", "key", "body-bytes")
    }


def test_a_huge_body_is_cut_and_its_length_told() -> None:
    out = outgoing_dead_letter(letter(body=b"x" * (MAX_BODY + 1)))

    assert len(out.body) == MAX_BODY
    assert out.headers["mapstream-body-bytes"] == str(MAX_BODY + 1)


def test_a_dead_letter_comes_back_as_it_was() -> None:
    sent = letter()
    out = outgoing_dead_letter(sent)

    assert read_dead_letter(out.channel.subject(out.collection), out.headers, out.body) == sent


def test_a_dead_letter_without_headers_is_read_for_what_it_is() -> None:
    found = read_dead_letter("dead.writing.other", {"mapstream-line": "-1x"}, b"?")

    assert (found.stage, found.collection, found.body) == ("writing", "other", b"?")
    assert (found.records, found.line, found.batch_id) == (0, None, None)
