"""A file is replaced as a whole, or is as it was."""

from pathlib import Path

import pytest

from services.writing.adapters.durable_files import replace_text


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text("old")

    replace_text(tmp_path / "file.json", "new")

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"file.json": "new"}


def test_what_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file.json" / "kept").mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        replace_text(tmp_path / "file.json", "new")

    assert [file.name for file in tmp_path.iterdir()] == ["file.json"]
    assert (tmp_path / "file.json" / "kept").exists()
