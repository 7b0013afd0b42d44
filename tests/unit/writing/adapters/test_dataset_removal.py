"""What is removed of a deleted collection's folder: all that is ours, and nothing else."""

import json
from pathlib import Path

import pytest

from services.writing.adapters import dataset_removal
from services.writing.adapters.dataset_removal import remove_folder
from services.writing.adapters.json_identity import IDENTITY, OURS, claim_folder
from services.writing.adapters.sqlite_staging import FILENAME
from shared.errors import ConfigurationError

FOLDERS = ("store.lance", "models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all that may be in one."""
    made = tmp_path / "gone"
    claim_folder(made, "gone")
    for name in (
        *OURS,
        "history.json",
        FILENAME,
        f"{FILENAME}-wal",
        ".tmp-logs.parquet",
        "owner.lock",
    ):
        path = made / name
        if name in FOLDERS:
            (path / "deep").mkdir(parents=True)
            path = path / "deep" / "file"
        path.write_bytes(b"x")
    return made


def test_the_whole_folder_goes(folder: Path) -> None:
    remove_folder(folder, "gone")
    remove_folder(folder, "gone")

    assert [*folder.parent.iterdir()] == []


def test_what_a_kill_left_goes_whatever_that_is(folder: Path) -> None:
    for left in ([*OURS][1:], [FILENAME], [], ["owner.lock"]):
        folder.mkdir(exist_ok=True)
        (folder / IDENTITY).write_text(json.dumps({"service": "writing", "collection": "gone"}))
        for name in left:
            (folder / name).touch()
        if left == ["owner.lock"]:
            (folder / IDENTITY).unlink()
            for one in folder.iterdir():
                assert one.name in left
        remove_folder(folder, "gone")
        assert not folder.exists()


def test_whose_folder_it_is_is_known_to_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after any of them leaves a folder that is removed the next time."""
    left: list[list[str]] = []

    def look(_: object) -> None:
        left.append([one.name for one in folder.iterdir()])

    monkeypatch.setattr(dataset_removal, "reached", look)
    remove_folder(folder, "gone")

    assert len(left) >= len(OURS)
    assert all(IDENTITY in names for names in left)


def test_a_file_of_somebody_else_stays(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")

    remove_folder(folder, "gone")

    assert [one.name for one in folder.iterdir()] == ["notes.txt"]


def test_a_link_goes_and_not_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (folder / "told.json").unlink()
    (folder / "told.json").symlink_to(elsewhere)

    remove_folder(folder, "gone")

    assert (elsewhere / "file").exists()
    assert not folder.exists()


@pytest.mark.parametrize(
    "told", [None, "{", '{"service": "writing", "collection": "other"}', "[]"]
)
def test_a_folder_that_is_not_its_own_is_left_and_said(folder: Path, told: str | None) -> None:
    (folder / IDENTITY).unlink()
    if told is not None:
        (folder / IDENTITY).write_text(told)
    before = sorted(folder.rglob("*"))

    with pytest.raises(ConfigurationError, match="move it away, or remove it yourself"):
        remove_folder(folder, "gone")

    assert sorted(folder.rglob("*")) == before
