import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from services.cli.app import build_app

COMMANDS = [
    "run",
    "check",
    "status",
    "top",
    "refit",
    "rollback",
    "forget",
    "streams",
    "dead",
    "model",
]


def test_help_names_every_command() -> None:
    told = CliRunner().invoke(build_app(), ["--help"])

    assert told.exit_code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in told.output] == []


def every_command() -> list[list[str]]:
    def below(command: typer.core.TyperGroup | object, path: list[str]) -> list[list[str]]:
        inner = getattr(command, "commands", {})
        return [path, *(one for name, sub in inner.items() for one in below(sub, [*path, name]))]

    return below(typer.main.get_command(build_app()), [])


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_explains_itself(command: list[str], option: str) -> None:
    told = CliRunner().invoke(build_app(), [*command, option])

    assert told.exit_code == 0
    assert "Usage" in told.output


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(build_app(), ["--version"])

    assert told.exit_code == 0
    assert told.output == f"mapstream {version('mapstream')}\n"


def test_help_does_not_load_what_talks_to_the_bus() -> None:
    """Help must answer at once; pyarrow and FastStream take a second to load."""
    code = "import sys; from services.cli.app import build_app; build_app(); print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"nats", "faststream", "pyarrow", "numpy", "rich.live"} & set(loaded) == set()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run", "no-such-folder"], "no-such-folder: no such file or folder"),
        (["run"], "nothing to read"),
        (["run", ".", "--collection", "Not Allowed"], "'Not Allowed' cannot name a collection"),
        (["refit", "--reason", "x" * 201], "refit: reason"),
        (["dead", "replay"], "say which dead letters"),
        (["dead", "drop", "3", "--all"], "say which dead letters"),
        (["dead", "list", "--stage", "cooking"], "dead list: stage"),
        (["dead", "replay", "--stage", "cooking"], "replay: stage"),
        (["dead", "drop", "--stage", "embedding", "--source", ""], "drop: source"),
        (["status", "--url", "nats://here:99999"], "server 1: its port is none"),
        (
            ["top", "--once", "--url", "nats://me:hunter2@here:-1"],  # pragma: allowlist secret
            "server 1: its port is none",
        ),
        (["streams", "apply", "--url", "http://here"], "'http' is none of nats"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(arguments: list[str], problem: str) -> None:
    told = CliRunner().invoke(build_app(), arguments)

    assert told.exit_code == 2
    assert problem in told.stderr
    assert "hunter2" not in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["status", "refit", "rollback", "model list", "model export -o -.json"]
)
def test_a_bus_that_is_not_there_is_one_line_and_code_1(command: str) -> None:
    told = CliRunner().invoke(build_app(), [*command.split(), "--url", "nats://127.0.0.1:1"])

    assert told.exit_code == 1
    assert told.stderr.startswith("mapstream: no NATS server answers at nats://127.0.0.1:1")
    assert len(told.stderr.strip().splitlines()) == 1
