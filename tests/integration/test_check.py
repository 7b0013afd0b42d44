"""``mapstream check``, and the same before ``mapstream run``, in places that lack something."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import refusing
from tests.addresses import EVERY_ADDRESS
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration
needs_filter = pytest.mark.skipif(not refusing.is_possible(), reason="no filter for calls here")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def mapstream(
    *arguments: str, refused: tuple[str, ...] = (), variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", *arguments]
    return subprocess.run(
        refusing.command(refused, command) if refused else command,
        env={**os.environ, **(variables or {})},
        timeout=PATIENCE_S,
        capture_output=True,
        text=True,
        check=False,
    )


def faults(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [one for one in json.loads(done.stdout)["findings"] if not one["ok"]]


def test_a_good_place_is_told_line_by_line_and_left_as_it_was(logs: Path) -> None:
    output = logs.parent / "not" / "there"

    done = mapstream("check", str(logs), "--output", str(output))

    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.startswith("OK ") for line in lines)
    for words in ("hard links", "can be locked", "GB free", "gateway: can start", "nats-server"):
        assert words in done.stdout
    assert list(logs.parent.iterdir()) == [logs]


@needs_filter
def test_everything_that_is_wrong_is_told_at_once(logs: Path) -> None:
    """Of the configuration, of the input and of the place, whichever service needs it."""
    done = mapstream(
        "check", str(logs / "none"), "--output", str(logs.parent / "out"), "--json",
        refused=("linkat=EPERM", "flock=ENOSYS"),
        variables={
            "MAPSTREAM_GATEWAY__PROT": "8000",
            "MAPSTREAM_TEXT2VEC__PORT": "99999",
            "MAPSTREAM_EMBEDING__URL": "http://here",
        },
    )  # fmt: skip

    assert done.returncode == 2
    told = " | ".join(f"{one['subject']} {one['found']}" for one in faults(done))
    for words in (
        "MAPSTREAM_GATEWAY__PROT",
        "MAPSTREAM_TEXT2VEC__PORT",
        "MAPSTREAM_EMBEDING__URL",
        "no such file or folder",
        "no hard links",
        "locks no files",
    ):
        assert words in told
    assert all(one["needed"] and one["remedy"] for one in faults(done) if "locks" in one["found"])


@needs_filter
@pytest.mark.parametrize(
    ("refused", "words"),
    [("linkat=EPERM", "makes no hard links"), ("flock=ENOLCK", "locks no files")],
)
def test_a_run_ends_before_it_has_started_anything(refused: str, words: str, logs: Path) -> None:
    output = logs.parent / "out"

    done = mapstream("run", str(logs), "--once", "--output", str(output), refused=(refused,))

    assert done.returncode == 2
    assert all(words in line and "; needed: " in line for line in done.stderr.splitlines())
    assert not (output / "state" / "logs").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAPSTREAM_GATEWAY__PORT", "99999"),
        ("MAPSTREAM_GATEWAY__PORT", "-1"),
        ("MAPSTREAM_GATEWAY__PORT", "http"),
        ("MAPSTREAM_GATEWAY__HOST", EVERY_ADDRESS),
        ("MAPSTREAM_GATEWAY__TLS_CERTIFICATE", "/none"),
        ("MAPSTREAM_EMBEDING__URL", "http://here"),
        ("MAPSTREAM_PROJECTION__REFIT_TRESHOLD", "2"),
    ],
)
def test_a_wrong_setting_of_any_service_is_told_before_the_run(
    variable: str, value: str, logs: Path
) -> None:
    output = logs.parent / "out"

    done = mapstream("run", str(logs), "--output", str(output), variables={variable: value})

    assert done.returncode == 2
    assert variable in done.stderr or "gateway: " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not output.exists()


def test_a_gateway_that_cannot_start_with_its_settings_ends_the_run(logs: Path) -> None:
    """What only the gateway itself finds, with the faults that other services would find."""
    for name in ("certificate", "key"):
        (logs.parent / name).write_text("no PEM")

    done = mapstream(
        "run", str(logs), "--output", str(logs.parent / "out"),
        variables={
            "MAPSTREAM_GATEWAY__TLS_CERTIFICATE": str(logs.parent / "certificate"),
            "MAPSTREAM_GATEWAY__TLS_KEY": str(logs.parent / "key"),
            "MAPSTREAM_GATEWAY__PORT": "0",
        },
    )  # fmt: skip

    assert done.returncode == 2
    assert "gateway.tls_certificate, gateway.tls_key" in done.stderr
