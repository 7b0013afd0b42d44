import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plain_paths import is_plain, plain_path

NAMES = (b"raw\xff\xfe", b"two\nlines", b"escape\x1b[2J", b"\x7f")


@pytest.mark.parametrize("name", NAMES)
def test_a_path_that_is_not_plain_leads_to_the_same_place_by_one_that_is(
    name: bytes, tmp_path: Path
) -> None:
    file = tmp_path / os.fsdecode(name) / "below" / "file"

    path = plain_path(file)
    path.write_text("here")

    assert is_plain(str(path))
    assert file.read_text() == "here"
    assert plain_path(file) == path


@given(st.text(st.characters(min_codepoint=32, codec="utf-8", exclude_characters="/\x7f")))
def test_every_other_path_is_left_as_it_is(name: str) -> None:
    assert plain_path(Path("a") / name / "b") == Path("a") / name / "b"


def test_a_name_that_is_not_plain_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not plain"):
        plain_path(tmp_path / "a\nb")
