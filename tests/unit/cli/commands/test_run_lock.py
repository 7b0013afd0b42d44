"""What only the owner of a run may read."""

from pathlib import Path

import pytest

from services.cli.commands.run_lock import only_run, restrict, share


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_state_of_an_older_version_becomes_the_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o755)

    with only_run(state):
        assert mode(state) == 0o700


@pytest.mark.parametrize(
    ("umask", "before", "after"),
    [(0o077, 0o755, 0o700), (0o027, 0o775, 0o750), (0o022, 0o755, 0o755), (0o077, 0o500, 0o500)],
)
def test_a_folder_keeps_what_new_ones_have(
    umask: int, before: int, after: int, tmp_path: Path
) -> None:
    folder = tmp_path / "default"
    folder.mkdir()
    folder.chmod(before)

    restrict(folder, umask)

    assert mode(folder) == after


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    restrict(tmp_path / "default", 0o077)

    assert not (tmp_path / "default").exists()


@pytest.mark.parametrize(
    ("umask", "before", "after"),
    [(0o077, 0o700, 0o700), (0o027, 0o700, 0o750), (0o022, 0o700, 0o755), (0o022, 0o775, 0o775)],
)
def test_a_map_that_is_to_be_shared_can_be_looked_into(
    umask: int, before: int, after: int, tmp_path: Path
) -> None:
    """It was the owner's alone before somebody chose otherwise."""
    folder = tmp_path / "default"
    folder.mkdir()
    folder.chmod(before)

    share(folder, umask)

    assert mode(folder) == after
