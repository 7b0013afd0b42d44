"""docker-compose.yml and what it leans on, without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.bus.permissions import users
from shared.services import ALL

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
NETWORKS: dict[str, Any] = COMPOSE["networks"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
USERS = [user.name for user in users()]
OF_SERVICES = sorted(set(USERS) & set(SERVICES))
VARIABLE = re.compile(r"\$\{([A-Z_0-9]+)")

per_service = pytest.mark.parametrize("name", sorted(SERVICES))


@per_service
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith(("0", "root"))
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert "privileged" not in service


@per_service
def test_ports_are_this_machines_own(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


def leads_outside(network: str) -> bool:
    options = NETWORKS[network].get("driver_opts", {})
    is_masked = options.get("com.docker.network.bridge.enable_ip_masquerade") != "false"
    return is_masked and not NETWORKS[network].get("internal")


def test_only_who_has_to_has_a_way_out() -> None:
    """embedding asks an embedding server, alertmanager tells people, the courier fetches."""
    going = {name for name, one in SERVICES.items() if any(map(leads_outside, one["networks"]))}

    assert going == {"embedding", "courier", "alertmanager"}


@per_service
def test_who_has_no_way_out_asks_nobody_outside_for_names(name: str) -> None:
    """Docker answers by way of the machine's own servers in a network that is not internal."""
    service = SERVICES[name]
    is_inside = all(NETWORKS[one].get("internal") for one in service["networks"])
    if not is_inside and not any(map(leads_outside, service["networks"])):
        assert service["dns"] == ["127.0.0.1"]


@per_service
def test_published_ports_are_of_networks_that_have_some(name: str) -> None:
    """Docker leaves out, in silence, a port of a container that has internal networks only."""
    if SERVICES[name].get("ports"):
        assert not all(NETWORKS[one].get("internal") for one in SERVICES[name]["networks"])


@per_service
def test_images_are_pinned(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].rsplit(":", 1)[1]

    assert tag == "-local}" or re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    if "build" in service:
        assert f" AS {service['build']['target']}\n" in DOCKERFILE
        assert service["image"].startswith(f"mapstream-{service['build']['target']}:")


@pytest.mark.parametrize("name", OF_SERVICES)
def test_a_service_is_its_own_user_of_the_bus(name: str) -> None:
    environment = SERVICES[name]["environment"]
    own = f"nats-{name}-password"

    assert environment["MAPSTREAM_NATS__USER"] == name
    assert environment["MAPSTREAM_NATS__PASSWORD_FILE"] == f"/run/secrets/{own}"
    assert [one for one in SERVICES[name]["secrets"] if one.startswith("nats-")] == [own]


@per_service
def test_no_secret_stands_in_the_environment(name: str) -> None:
    """Whoever may list containers reads their environment, and so does every child process."""
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|TOKEN|KEY|SECRET", variable):
            assert "/run/secrets/" in value
            assert "${" not in value


def test_every_user_has_a_password_in_a_file() -> None:
    secrets = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"]

    named = {name for name in secrets if name.startswith("nats-") and name.endswith("-password")}
    assert named == {f"nats-{user}-password" for user in USERS}
    for name, told in secrets.items():
        file = told["file"].removeprefix("${SECRETS_FOLDER:-./secrets}/")
        assert file in (name, f"{name}.conf")


def test_every_variable_is_explained() -> None:
    texts = [ROOT / "docker-compose.yml", *(ROOT / "deploy").glob("compose.*.yml")]
    used = {name for file in texts for name in VARIABLE.findall(file.read_text())}
    explained = set(
        re.findall(r"^([A-Z_0-9]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )

    assert used - explained == {"CERTIFICATES_FOLDER"}
    assert explained <= used


def test_what_is_mounted_is_there() -> None:
    texts = [ROOT / "docker-compose.yml", *(ROOT / "deploy").glob("compose.*.yml")]
    named = {
        path
        for file in texts
        for path in re.findall(r"\./((?:deploy/|nats)[\w./-]+):/", file.read_text())
    }

    assert {"nats.conf", "deploy/config.yaml", "deploy/nats"} <= named
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


def test_every_image_has_requirements_of_its_own() -> None:
    installed = set(re.findall(r"install-for (\w+)$", DOCKERFILE, re.MULTILINE))

    copied = set(re.findall(r"COPY requirements/(\w+)\.txt", DOCKERFILE))
    assert installed == copied - {"build", "node"}  # which stay in no image
    for name in installed:
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        pinned = [line for line in lines if line and not line.startswith((" ", "#"))]
        assert pinned
        assert all("==" in line and line.endswith("\\") for line in pinned)


def test_images_are_made_of_what_wheels_hold() -> None:
    """An image is built of a wheel: what the wheel's hook takes has to be there, too."""
    taken = re.findall(r'"([\w/]+)": "services/', (ROOT / "hatch_build.py").read_text())
    context = (ROOT / ".dockerignore").read_text().splitlines()

    assert taken == ["examples/runs"]
    for one in taken:
        folder = one.split("/")[0]
        assert f"COPY {folder} /src/{folder}\n" in DOCKERFILE
        assert f"!{folder}/" in context


def test_an_image_of_a_service_has_the_versions_of_the_local_run() -> None:
    def versions(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return set(re.findall(r"^([\w.-]+==[^ ;]+)", text, re.MULTILINE))

    for name in (*ALL, "cli"):
        assert versions(name) <= versions("run"), name
