"""Who was written for a release goes on working with the code of today, and the other way."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from shared.bus.registry.channels import CHANNELS
from tests.contract.compatibility import EXAMPLES, RELEASED, breaking, current, digest

RELEASES = sorted(RELEASED.glob("*.json"))
REMEDY = (
    "docs/compatibility.md says how to change a contract; before its version is released, freeze "
    "it anew: rm the file, python -m tests.contract.compatibility"
)
per_release = pytest.mark.parametrize("release", RELEASES, ids=lambda file: file.stem)


def contracts(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def test_there_is_a_release_to_compare_with() -> None:
    assert RELEASES


@per_release
def test_nothing_was_removed_renamed_narrowed_or_widened(release: Path) -> None:
    assert breaking(contracts(release), current()) == [], REMEDY


@per_release
def test_a_released_example_is_never_changed_or_removed(release: Path) -> None:
    """Else the test that old messages are read would test something else."""
    known = contracts(release)["examples"]

    now = {name: digest(EXAMPLES / name) for name in known if (EXAMPLES / name).exists()}
    assert now == known


@per_release
def test_old_messages_are_read_by_new_code_and_new_ones_satisfy_the_old_schema(
    release: Path,
) -> None:
    known = contracts(release)
    for channel in CHANNELS:
        if not channel.contract or channel.family not in known["families"]:
            continue
        schema = jsonschema_rs.validator_for(known["families"][channel.family]["schema"])
        for file in sorted((EXAMPLES / channel.family).glob("v*.json")):
            written_today = channel.contract.model_validate_json(file.read_bytes())
            schema.validate(json.loads(written_today.model_dump_json()))


OLD = {
    "families": {
        "source.failed": {
            "content_type": "application/json",
            "stream": "EVENTS",
            "schema": {
                "$defs": {"Part": {"type": "object", "properties": {"n": {"type": "integer"}}}},
                "type": "object",
                "properties": {
                    "reason": {"type": "string", "description": "Why."},
                    "kind": {"enum": ["a", "b"], "default": "a"},
                    "part": {"$ref": "#/$defs/Part"},
                },
                "required": ["reason"],
            },
        },
        "map.points": {
            "content_type": "application/vnd.apache.arrow.stream",
            "stream": "POINTS",
            "columns": {"id": "string not null", "x": "float not null"},
        },
    },
    "descriptor": {"type": "object", "properties": {"batch_id": {"type": "string"}}},
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    """OLD with one thing changed; None removes it."""
    new = copy.deepcopy(OLD)
    place: Any = new
    for name in path[:-1]:
        place = place[name]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return new


FIELDS = ("families", "source.failed", "schema", "properties")


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (changed("families", "map.points", to=None), "subject is gone"),
        (changed("families", "map.points", "stream", to="EVENTS"), "stream was POINTS"),
        (changed("families", "map.points", "columns", "x", to="double"), "column x"),
        (changed("families", "map.points", "columns", "x", to=None), "column x"),
        (changed(*FIELDS, "reason", to=None), "reason: the field is gone"),
        (changed(*FIELDS, "reason", to={"type": "integer"}), '"integer"'),
        (changed(*FIELDS, "reason", to={"type": "string", "maxLength": 9}), "maxLength"),
        (changed(*FIELDS, "kind", "enum", to=["a"]), "enum"),
        (changed(*FIELDS, "kind", "enum", to=["a", "b", "c"]), "enum"),
        (changed(*FIELDS, "kind", "default", to="b"), "default"),
        (changed("families", "source.failed", "schema", "required", to=[]), "reason"),
        (
            changed("families", "source.failed", "schema", "required", to=["reason", "kind"]),
            "kind",
        ),
        (
            changed(
                "families", "source.failed", "schema", "$defs", "Part",
                to={"type": "object", "properties": {"m": {"type": "integer"}}},
            ),
            "part.n: the field is gone",
        ),
        (changed("descriptor", "properties", to={}), "batch_id"),
    ],
)  # fmt: skip
def test_what_breaks_is_found(new: dict[str, Any], what: str) -> None:
    found = breaking(OLD, new)

    assert len(found) == 1
    assert what in found[0]


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed(*FIELDS, "remedy", to={"type": "string"}),
        changed(*FIELDS, "reason", "description", to="What went wrong."),
        changed("families", "source.lost", to={"content_type": "x", "stream": "EVENTS"}),
        changed("families", "map.points", "columns", "z", to="float"),
    ],
)
def test_what_is_only_added_breaks_nobody(new: dict[str, Any]) -> None:
    assert breaking(OLD, new) == []


def test_a_new_field_that_must_be_there_breaks() -> None:
    new = changed(*FIELDS, "remedy", to={"type": "string"})
    new["families"]["source.failed"]["schema"]["required"] = ["reason", "remedy"]

    assert breaking(OLD, new) == ["source.failed.remedy: a new field that must be there"]
