"""A mistake in a command never becomes another, larger wish."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.base import Command
from shared.contracts.commands import (
    Cancel,
    Create,
    Delete,
    Drop,
    Forget,
    Refit,
    Rename,
    Replay,
    Retry,
    Rollback,
    Submit,
)
from shared.contracts.fetching import Fetch
from shared.contracts.reading import Unreadable, parse_command
from shared.contracts.uploads import Upload

COMPLETE: dict[type[Command], dict[str, Any]] = {
    Refit: {"dry_run": True, "force": True, "reason": "why"},
    Rollback: {"to_version": 3},
    Forget: {"source": "a.jsonl"},
    Rename: {"title": "T", "description": "what is in it"},
    Create: {
        "title": "T",
        "description": "what is in it",
        "sources": [{"path": "/data/runs", "glob": "*.jsonl"}],
    },
    Delete: {},
    Upload: {
        "filename": "a.csv",
        "blob": "a" * 64,
        "job_id": "job-1",
        "replace": True,
        "text_columns": ["note"],
        "context_columns": ["year"],
    },
    Replay: {"sequences": [63]},
    Submit: {
        "kind": "re-embed",
        "sources": ["a.jsonl"],
        "why": "why",
        "is_fresh": True,
        "cancels": True,
    },
    Fetch: {
        "urls": ["https://example.org/a.csv"],
        "filename": "a.csv",
        "text_columns": ["note"],
        "context_columns": ["year"],
        "why": "why",
    },
    Cancel: {"job": "0123456789abcdef0123"},
    Retry: {"job": "0123456789abcdef0123"},
    Drop: {"sequences": [63], "stage": "embedding", "since": "2026-01-31T09:00:00Z"},
}
ABOUT_LETTERS = (Replay, Drop)
every_command = pytest.mark.parametrize("kind", COMPLETE, ids=lambda kind: kind.__name__)
about_letters = pytest.mark.parametrize("kind", ABOUT_LETTERS, ids=lambda kind: kind.__name__)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


def refused(kind: type[Command], body: bytes | dict[str, Any]) -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = parse_command(kind, raw)
    assert isinstance(found, Unreadable), found
    return found.reason


def test_every_command_there_is_stands_in_this_table() -> None:
    def below(kind: type[Command]) -> set[type[Command]]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    leaves = {one for one in below(Command) if not one.__subclasses__()}
    assert leaves == set(COMPLETE)


@every_command
def test_what_is_right_is_read(kind: type[Command]) -> None:
    body = COMPLETE[kind] | {"correlation_id": "mine"}

    got = parse_command(kind, json.dumps(body).encode())

    assert isinstance(got, kind)
    assert json.loads(got.model_dump_json(exclude_defaults=True)) == body


@every_command
@given(name=st.text(max_size=20), value=values)
def test_a_field_that_it_has_not_is_refused_by_name(
    kind: type[Command], name: str, value: object
) -> None:
    if name in kind.model_fields:
        return

    reason = refused(kind, COMPLETE[kind] | {name: value})

    assert f"{name}: there is no such field" in reason
    assert all(field in reason for field in kind.model_fields)


@every_command
def test_a_field_without_its_last_letter_is_no_field(kind: type[Command]) -> None:
    for name, value in COMPLETE[kind].items():
        assert f"{name[:-1]}: there is no such field" in refused(kind, {name[:-1]: value})


@every_command
@pytest.mark.parametrize("empty", [None, []])
def test_null_and_an_empty_list_are_no_values(kind: type[Command], empty: object) -> None:
    for name in COMPLETE[kind]:
        if empty is None or name not in kind.may_be_empty:
            assert f"{name}: " in refused(kind, COMPLETE[kind] | {name: empty})


@every_command
def test_the_schema_says_that_null_and_unknown_fields_are_refused(kind: type[Command]) -> None:
    schema = kind.model_json_schema()

    assert schema["additionalProperties"] is False
    assert "null" not in json.dumps(
        [schema["properties"][name] for name in COMPLETE[kind]]
    ).replace('"default": null', "")


@every_command
def test_a_field_that_is_there_twice_is_refused(kind: type[Command]) -> None:
    for name, value in COMPLETE[kind].items():
        field = f'"{name}": {json.dumps(value)}'

        assert f"{name}: the field is there 2 times" in refused(
            kind, f"{{{field}, {field}}}".encode()
        )


@about_letters
@given(fields=st.dictionaries(st.sampled_from([*Drop.model_fields]), values))
def test_all_is_meant_only_where_it_is_said(
    kind: type[Replay | Drop], fields: dict[str, object]
) -> None:
    got = parse_command(kind, json.dumps(fields).encode())

    if isinstance(got, kind):
        is_chosen = bool(got.sequences or got.stage or got.source or got.since)
        assert is_chosen or fields["all"] is True


@pytest.mark.parametrize("kind", [Fetch, Upload])
def test_that_no_column_is_kept_can_be_said(kind: type[Fetch | Upload]) -> None:
    fields = COMPLETE[kind]
    columns = {"text_columns": ["note"], "context_columns": []}
    got = parse_command(kind, json.dumps(fields | columns).encode())

    assert isinstance(got, kind), got
    assert got.context_columns == ()
    refused = parse_command(kind, json.dumps(fields | {"text_columns": []}).encode())
    assert isinstance(refused, Unreadable)
    assert "text_columns: [] is no value" in refused.reason


@about_letters
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "say which"),
        (b"{}", "say which"),
        (b'{"correlation_id": "x"}', "say which"),
        (b'{"all": false}', "say which"),
        (b'{"sequence": [63]}', "sequence: there is no such field"),
        (b'{"sequences": [], "stage": "embedding"}', "sequences: [] is no value"),
        (b'{"stage": "embedding", "source": null}', "source: null is no value"),
        (b'{"stage": "embedding", "source": ""}', "source: "),
        (b'{"sequences": [true]}', "sequences.0: "),
        (b'{"sequences": ["63"]}', "sequences.0: "),
        (b'{"sequences": 63}', "sequences: "),
        (b'{"since": 0}', "since: "),
        (b'{"since": "0"}', "since: a time is written like"),
        (b'{"all": 1}', "all: "),
        (b'{"all": "yes"}', "all: "),
        (b"[]", "body: "),
        (b"\xff", "body: "),
    ],
)
def test_what_would_mean_more_than_it_says_is_refused(
    kind: type[Command], body: bytes, said: str
) -> None:
    assert said in refused(kind, body)


@pytest.mark.parametrize("kind", [Refit, Rollback])
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_command_that_destroys_nothing_needs_no_field(kind: type[Command], body: bytes) -> None:
    assert parse_command(kind, body) == kind()


@pytest.mark.parametrize(
    ("body", "correlation_id"),
    [
        (b'{"sequence": [63], "correlation_id": "mine"}', "mine"),
        (b'{"sequences": [], "correlation_id": "mine"}', "mine"),
        (b'{"correlation_id": 5}', None),
        (b'{"correlation_id": "\\ud800"}', None),
        (b"[" * 100_000, None),
        (b"{", None),
    ],
)
def test_who_sent_a_mistake_is_answered(body: bytes, correlation_id: str | None) -> None:
    found = parse_command(Drop, body)

    assert isinstance(found, Unreadable)
    assert found.correlation_id == correlation_id


@pytest.mark.parametrize("body", [b"", b"{}", b'{"title": ""}', b'{"correlation_id": "x"}'])
def test_a_collection_is_not_renamed_to_nothing(body: bytes) -> None:
    refused(Rename, body)


def test_what_is_in_a_collection_may_be_unsaid() -> None:
    assert parse_command(Rename, b'{"description": ""}') == Rename(description="")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "runs"}, "sources.0.path: "),
        ({"path": "~/runs"}, "sources.0.path: "),
        ({"path": ""}, "sources.0.path: "),
        ({"path": "/" + "x" * 1024}, "sources.0.path: "),
        ({"path": "/data\0"}, "sources.0.path: "),
        ({"path": "/data", "glob": "/etc/*"}, "sources.0.glob: "),
        ({"path": "/data", "glob": "../*"}, "sources.0.glob: must be a pattern below the folder"),
        ({"path": "/data", "glob": "a/../../*"}, "sources.0.glob: must be a pattern below"),
        ({"path": "/data", "glob": "."}, "sources.0.glob: must be a pattern below"),
        ({"path": "/data", "glob": ""}, "sources.0.glob: "),
        ({"path": "/data", "pattern": "*"}, "sources.0.pattern: there is no such field"),
        ({"glob": "*"}, "sources.0.path: "),
    ],
)
def test_a_folder_that_leads_elsewhere_is_refused(source: dict[str, str], said: str) -> None:
    assert said in refused(Create, {"sources": [source]})


def test_a_collection_has_so_many_folders_at_most() -> None:
    assert "sources: " in refused(Create, {"sources": [{"path": "/data"}] * 9})
