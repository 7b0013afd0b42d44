"""A folder of the dataset is known again; what is another's is never written over."""

import hashlib
import json
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from services.writing.adapters.json_identity import FORMAT, claim_folder
from services.writing.adapters.jsonl_emptied import EmptiedSources
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.lance_layout import store_schema
from services.writing.ports import DiskFullError
from shared.errors import ConfigurationError
from tests.unit.writing.scenes import piece


def listing(folder: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


async def test_a_folder_is_known_again(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "default"
    claim_folder(folder, "default")
    store = LanceDatasetStore(folder, compact_every=4, keep_versions_s=0)
    await store.commit([piece("a", 1)], {}, {})
    before = listing(folder)
    claim_folder(folder, "default")

    assert listing(folder) == before


def test_what_disturbs_nobody_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "owner.lock").touch()
    (tmp_path / "notes.txt").write_text("mine")
    claim_folder(tmp_path, "default")

    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["logs.parquet", "embeddings.parquet", "store.lance", "models"])
def test_a_folder_that_would_be_overwritten_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("somebody's own")

    with pytest.raises(ConfigurationError, match=f"{name}.*--output"):
        claim_folder(tmp_path, "default")

    assert listing(tmp_path) == {str(tmp_path / name): b"somebody's own"}


@pytest.mark.parametrize(
    "changed", [{"format": FORMAT + 1}, {"collection": "other"}, {"service": "discovery"}]
)
def test_another_format_or_collection_is_refused(
    changed: dict[str, object], tmp_path: Path
) -> None:
    claim_folder(tmp_path, "default")
    file = tmp_path / "format.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    before = listing(tmp_path)

    with pytest.raises(ConfigurationError, match=str(next(iter(changed.values())))):
        claim_folder(tmp_path, "default")

    assert listing(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_damaged_identity_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "format.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"format\.json"):
        claim_folder(tmp_path, "default")


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path, "default")
    schema = store_schema(4).append(pa.field("newer", pa.string()))
    lance.write_dataset(schema.empty_table(), tmp_path / "store.lance")

    with pytest.raises(ConfigurationError, match="another format, by columns newer"):
        claim_folder(tmp_path, "default")


def test_somebody_elses_table_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path, "default")
    lance.write_dataset(pa.table({"x": [1]}), tmp_path / "store.lance")

    with pytest.raises(ConfigurationError, match=r"store\.lance"):
        claim_folder(tmp_path, "default")


def test_what_a_crash_left_unfinished_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    claim_folder(tmp_path / "new", "default")
    (tmp_path / "new" / "models").mkdir()
    for name in (".tmp-logs.parquet", ".tmp-emptied.jsonl", "models/.tmp-7.json"):
        (tmp_path / "new" / name).write_text("torn")
    claim_folder(tmp_path / "new", "default")

    assert [one.name for one in (tmp_path / "new").rglob("*") if one.is_file()] == ["format.json"]


def test_a_full_disk_is_no_wrong_folder(tmp_path: Path) -> None:
    (tmp_path / ".tmp-format.json").symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match="no room"):
        claim_folder(tmp_path, "default")
    claim_folder(tmp_path, "default")

    assert list(listing(tmp_path)) == [str(tmp_path / "format.json")]


LAYOUTS = {
    1: "f0ab73e96202ec4dbfae0d42ded4c80a28e828573be18cab6626235b5a81b0e8",
    2: "63bf8c933af502dd57535224840ed256355320b941bdf11b8a18d1af242be51e",
}
"""Of each format, the hash of its layout. A format that was once used is never changed."""


def test_another_layout_has_another_number(tmp_path: Path) -> None:
    """If this fails: count FORMAT up, and note the new hash beside the old ones."""
    EmptiedSources(tmp_path / "emptied.jsonl").add({"s": 2})
    layout = store_schema(4).to_string() + (tmp_path / "emptied.jsonl").read_text()

    assert LAYOUTS.get(FORMAT) == hashlib.sha256(layout.encode()).hexdigest()
