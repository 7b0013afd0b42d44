"""deploy/systemd: what systemd itself says of the units, and that their parts fit the project."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from services.gateway.entrance import build_keyring
from services.gateway.settings import Settings as GatewaySettings
from shared.bus.permissions import users
from shared.settings import ServiceSettings, StateSection
from tests.unit.deploy.test_kubernetes import PIPELINE, written_secrets

FOLDER = Path(__file__).parents[3] / "deploy" / "systemd"
UNITS = sorted(file.name for file in FOLDER.glob("*.service"))
INSTANCES = sorted(PIPELINE - {"nats", "streams", "text2vec"})
HIGHEST_EXPOSURE = 20
"""Of 100, as `systemd-analyze security` counts; 20 is its best grade."""


def lines(unit: str, key: str, *drop_ins: str) -> list[str]:
    text = "".join((FOLDER / one).read_text() for one in (unit, *drop_ins))
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def environment(unit: str, *drop_ins: str) -> dict[str, str]:
    told = [shlex.split(line)[0] for line in lines(unit, "Environment", *drop_ins)]
    return dict(one.split("=", 1) for one in told)


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("no systemd-analyze")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """The programs that are named must exist here too, so they are looked for where ours are."""
    folder = tmp_path / "units"
    shutil.copytree(FOLDER, folder)
    for file in folder.rglob("*"):
        if file.is_file():
            scripts = sysconfig.get_path("scripts")
            file.write_text(file.read_text().replace("/opt/mapstream/.venv/bin", scripts))
    for name in INSTANCES:
        (folder / f"mapstream@{name}.service").symlink_to("mapstream@.service")
    units = [one for one in folder.iterdir() if one.is_file() and "@." not in one.name]
    done = analyze("verify", "--man=no", *units)

    ours = [line for line in done.stderr.splitlines() if "mapstream" in line]
    assert ours == []


@pytest.mark.parametrize("unit", UNITS)
def test_nothing_runs_with_more_rights_than_it_needs(unit: str) -> None:
    done = analyze(
        "security",
        "--offline=true",
        f"--threshold={HIGHEST_EXPOSURE}",
        "--no-pager",
        FOLDER / unit,
    )

    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert lines(unit, "User")[0].startswith("mapstream")


def test_the_target_has_the_whole_pipeline() -> None:
    wanted = {name for line in lines("mapstream.target", "Wants") for name in line.split()}

    assert wanted == {f"mapstream@{name}.service" for name in INSTANCES} | {
        f"mapstream-{name}.service" for name in PIPELINE - set(INSTANCES)
    }
    for unit in UNITS:
        if unit != "mapstream.service":
            assert lines(unit, "PartOf") == ["mapstream.target"]


@pytest.mark.parametrize("name", [*INSTANCES, "text2vec"])
def test_what_is_started_is_there(name: str) -> None:
    unit = "mapstream-text2vec.service" if name == "text2vec" else "mapstream@.service"
    (start,) = lines(unit, "ExecStart")

    module = start.replace("%i", name).rpartition(" ")[2]
    assert importlib.util.find_spec(f"{module}.__main__")


@pytest.mark.parametrize("name", [*INSTANCES, "streams"])
def test_a_secret_is_a_file_that_only_its_service_gets(name: str) -> None:
    unit = "mapstream-streams.service" if name == "streams" else "mapstream@.service"
    assert name in {user.name for user in users()}
    assert environment(unit)["MAPSTREAM_NATS__USER"].replace("%i", name) == name

    (credential,) = lines(unit, "LoadCredential")
    alias, _, file = credential.replace("%i", name).partition(":")
    assert environment(unit)["MAPSTREAM_NATS__PASSWORD_FILE"] == f"%d/{alias}"
    assert Path(file).name in written_secrets()
    assert Path(file).parent == Path("/etc/mapstream/secrets")


@pytest.mark.parametrize("unit", UNITS)
def test_wrong_configuration_is_not_tried_again(unit: str) -> None:
    if "nats" not in unit:
        assert lines(unit, "RestartPreventExitStatus") == ["2"]


def test_what_is_set_is_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drop_in = "mapstream@gateway.service.d/token.conf"
    (tmp_path / "nats-password").write_text("of the bus")
    (tmp_path / "gateway-token").write_text("a-token-that-is-long-enough")
    (tmp_path / "config.yaml").write_text("collections: [default]\n")
    told = environment("mapstream@.service", drop_in)
    assert {"MAPSTREAM_STATE__FOLDER", "MAPSTREAM_OUTPUT__FOLDER"} <= set(told)
    for name, value in told.items():
        place = {"%d": str(tmp_path), "%S": str(tmp_path), "%i": "gateway"}
        for short, long in place.items():
            value = value.replace(short, long)  # noqa: PLW2901
        monkeypatch.setenv(name, value.replace("/etc/mapstream", str(tmp_path)))

    settings = GatewaySettings.load()

    assert settings.nats.user == "gateway"
    assert settings.nats.password
    assert settings.nats.password.get_secret_value() == "of the bus"
    assert settings.output.folder == tmp_path / "mapstream/map"
    assert build_keyring(settings.gateway).identify("a-token-that-is-long-enough")
    assert isinstance(settings, ServiceSettings)
    assert StateSection().folder
