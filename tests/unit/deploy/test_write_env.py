"""`make env`, in a folder that is a copy of what it reads."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.bus.permissions import password_variable, users
from tests.nats_server import nats_server_program

ROOT = Path(__file__).parents[3]
USERS = [user.name for user in users()]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (".env.example", "docker-compose.yml", "nats.conf"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return tmp_path


def write_env(checkout: Path) -> str:
    done = subprocess.run(
        [checkout / "deploy/write-env.sh"], capture_output=True, text=True, check=True
    )
    return done.stdout


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_it_writes_what_compose_needs(checkout: Path) -> None:
    told = write_env(checkout)

    secrets = contents(checkout / "secrets")
    passwords = [text.strip() for name, text in secrets.items() if not name.endswith(".conf")]
    assert all(re.fullmatch("k[0-9a-f]{48}", one) for one in passwords)
    assert len(set(passwords)) == len(passwords) > len(USERS)
    assert re.search(r"^RUN_AS=[1-9][0-9]*:[0-9]+$", (checkout / ".env").read_text(), re.MULTILINE)
    assert (checkout / "mapstream-out").is_dir()
    assert not [one for one in passwords if one in told + (checkout / ".env").read_text()]


def test_nobody_else_gets_at_the_secrets_and_every_container_does(checkout: Path) -> None:
    write_env(checkout)
    folder = checkout / "secrets"

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}


def test_what_is_there_stays(checkout: Path) -> None:
    write_env(checkout)
    before = contents(checkout / "secrets") | {".env": (checkout / ".env").read_text()}
    lost = checkout / "secrets" / "gateway-token"
    lost.unlink()

    write_env(checkout)

    after = contents(checkout / "secrets") | {".env": (checkout / ".env").read_text()}
    assert after.pop("gateway-token") != before.pop("gateway-token")
    assert after == before


def test_passwords_of_an_older_env_are_kept(checkout: Path) -> None:
    (checkout / ".env").write_text("RUN_AS=7:7\nNATS_WRITING_PASSWORD=kold\nGATEWAY_TOKEN=kgate\n")

    told = write_env(checkout)

    written = contents(checkout / "secrets")
    assert written["nats-writing-password"] == "kold\n"  # pragma: allowlist secret
    assert written["gateway-token"] == "kgate\n"
    line = 'NATS_WRITING_PASSWORD: "kold"'  # pragma: allowlist secret
    assert line in written["nats-passwords.conf"]
    assert told.count("delete its line there") == 2


@pytest.mark.parametrize("is_cluster", [False, True])
def test_the_server_takes_its_passwords_from_the_file(checkout: Path, is_cluster: bool) -> None:
    write_env(checkout)
    conf = checkout / "deploy" / "nats"
    shutil.copy(checkout / "secrets" / "nats-passwords.conf", conf / "passwords.conf")
    if is_cluster:
        shutil.copy(checkout / "secrets" / "nats-routes.conf", conf / "routes.conf")
        shutil.copy(conf / "cluster-on.conf", conf / "cluster.conf")
    done = subprocess.run(
        [nats_server_program(), "-t", "-c", checkout / "nats.conf"],
        env={"NATS_NAME": "nats"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "is valid" in done.stderr, done.stderr
    named = set(re.findall(r"^(\w+): ", (conf / "passwords.conf").read_text(), re.MULTILINE))
    assert named == {password_variable(user) for user in USERS}


def test_a_file_that_the_server_may_not_read_is_named_with_a_remedy(tmp_path: Path) -> None:
    """The place of its check is fixed, so it looks at a copy with another one."""
    script = (ROOT / "deploy/nats/start.sh").read_text()
    assert script.count("/certificates/*") == 1
    moved = script.replace("/certificates/*", f"{tmp_path}/certificates/*")
    (tmp_path / "certificates").mkdir()
    key = tmp_path / "certificates" / "server.key"
    key.write_text("key")
    key.chmod(0)
    command = ["sh", "-c", moved, "start.sh", "--version"]
    # Root reads everything.
    as_other = [
        "setpriv",
        "--reuid=10001",
        "--regid=10001",
        "--clear-groups",
        "--bounding-set=-all",
    ]
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run(
        [*as_other, *command] if Path("/proc/self").stat().st_uid == 0 else command,
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert f"may not read {key}" in done.stderr
    assert "chmod 644" in done.stderr
