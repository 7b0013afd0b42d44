"""What a service says of its place before it works; the place is a real one each time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError, Unfit
from shared.preflight import Check, examine, folder_checks, require_fit
from tests import refusing

needs_filter = pytest.mark.skipif(not refusing.is_possible(), reason="no filter for calls here")
needs_user = pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")


def told(service: str, folder: Path, *refused: str) -> tuple[int, list[dict[str, Any]]]:
    """Have a service look at its place, with these system calls refused."""
    command = [sys.executable, "-m", f"services.{service}", "--check"]
    done = subprocess.run(
        refusing.command(refused, command) if refused else command,
        env=os.environ
        | {
            "MAPSTREAM_OUTPUT__FOLDER": str(folder),
            "MAPSTREAM_STATE__FOLDER": str(folder / "state"),
        },
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("service", ["discovery", "projection", "writing"])
def test_a_good_place_is_told_in_full_and_left_as_it_was(service: str, tmp_path: Path) -> None:
    code, found = told(service, tmp_path / "out")

    assert code == 0
    assert len(found) == 3
    assert all(one["ok"] and one["found"] for one in found)
    assert not (tmp_path / "out").exists()


@needs_filter
@pytest.mark.parametrize(
    ("service", "refused", "words"),
    [
        ("writing", "linkat=EPERM", ["no hard links (Operation not permitted)", "exFAT"]),
        ("writing", "linkat=EOPNOTSUPP", ["no hard links", "output.folder (--output)"]),
        ("writing", "flock=ENOSYS", ["locks no files", "Function not implemented", "-o flock"]),
        ("discovery", "flock=ENOSYS", ["locks no files", "Function not implemented"]),
        ("projection", "flock=ENOLCK", ["locks no files", "No locks available"]),
        ("projection", "flock=EOPNOTSUPP", ["locks no files", "not supported"]),
        ("discovery", "fcntl:6=ENOLCK", ["SQLite cannot work in it", "POSIX locks"]),
        ("projection", "fcntl:6=EOPNOTSUPP", ["SQLite cannot work in it", "state.folder"]),
    ],
)
def test_what_the_file_system_lacks_is_told_with_what_helps(
    service: str, refused: str, words: list[str], tmp_path: Path
) -> None:
    code, found = told(service, tmp_path, refused)

    assert code == 2
    bad = [one for one in found if not one["ok"]]
    assert len(bad) == 1
    assert bad[0]["needed"]
    assert all(word in " ".join(map(str, bad[0].values())) for word in words), bad


LIMITED = """
import resource, sys
from pathlib import Path
from shared.preflight import examine, folder_checks

for most in range(1, 160_000, 2048):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    for found in examine(folder_checks(Path(sys.argv[1]), "here", has_database=True)):
        print(found.is_ok, found.line)
"""


def test_a_disk_without_room_is_no_fault_of_the_place(tmp_path: Path) -> None:
    """However much of a database finds room: of some of it SQLite says that the disk fails."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    told = done.stdout.splitlines()
    assert [one for one in told if not one.startswith("True ")] == []
    assert any("disk I/O error" in one for one in told)
    assert told[-1].endswith("keeps a database")


@needs_filter
def test_everything_is_told_at_once(tmp_path: Path) -> None:
    code, found = told("writing", tmp_path, "linkat=EPERM", "flock=ENOSYS")

    assert code == 2
    assert [one["ok"] for one in found] == [True, False, False]


@needs_filter
@pytest.mark.parametrize("service", ["discovery", "projection", "writing"])
def test_a_service_that_is_started_in_such_a_place_ends_with_a_line_and_code_2(
    service: str, tmp_path: Path
) -> None:
    """It does not wait for a server first: there is none."""
    done = subprocess.run(
        refusing.command(["flock=ENOSYS"], [sys.executable, "-m", f"services.{service}"]),
        env=os.environ
        | {
            "MAPSTREAM_OUTPUT__FOLDER": str(tmp_path),
            "MAPSTREAM_STATE__FOLDER": str(tmp_path / "state"),
            "MAPSTREAM_NATS__URL": "nats://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith(f"mapstream: {tmp_path}")
    assert "locks no files" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_wrong_configuration_is_a_finding_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_WRITING__X", "1")
    monkeypatch.setenv("MAPSTREAM_OUTPUT__KEEP_MODELS", "0")

    code, found = told("writing", tmp_path)

    assert code == 2
    assert ["MAPSTREAM_OUTPUT__KEEP_MODELS" in one["found"] for one in found] == [False, True]


@needs_user
def test_a_folder_that_may_not_be_written_is_told_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    found = examine(folder_checks(tmp_path / "x", "here", has_database=True, has_links=True))

    tmp_path.chmod(0o700)
    assert [one.is_ok for one in found] == [False, True, True, True]
    assert "Permission denied" in found[0].line
    assert f"user {os.getuid()}" in found[0].needed


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    found = examine(folder_checks(tmp_path / "file" / "x", "state.folder"))

    assert not found[0].is_ok
    assert "Not a directory" in found[0].found
    assert "point state.folder to another folder" in found[0].remedy


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    examine(folder_checks(tmp_path, "here", has_database=True, has_links=True))

    assert list(tmp_path.iterdir()) == []


def bad() -> str:
    raise Unfit("the floor", found="it is wet", needed="a dry one", remedy="mop it")


def worse() -> str:
    raise ConfigurationError("one\ntwo")


def test_a_check_that_fails_does_not_keep_the_others_from_being_made() -> None:
    found = examine([Check("a", bad), Check("b", lambda: "fine"), Check("c", worse)])

    assert [one.line for one in found] == [
        "the floor: it is wet; needed: a dry one; mop it",
        "b: fine",
        "one",
        "two",
    ]
    with pytest.raises(ConfigurationError, match=r"the floor: it is wet.*\none\ntwo$"):
        require_fit([Check("a", bad), Check("a", bad), Check("c", worse)])


def test_a_path_that_is_no_utf8_is_as_good_as_any(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"raw\xff\n")

    assert all(one.is_ok for one in examine(folder_checks(folder, "here", has_links=True)))
