"""deploy/kubernetes, without a cluster: by schema, and that its parts fit each other."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.gateway.settings import Settings as GatewaySettings
from shared.bus.permissions import users
from shared.services import ALL
from shared.settings import NatsSection
from tests.addresses import EVERY_ADDRESS
from tests.unit.deploy.kustomize import Manifest, apply, build, pod_of

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("single", "cluster")
BUILT = {name: build(FOLDER / "overlays" / name) for name in OVERLAYS}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
VERSIONS = ("1.30", "1.37")
PIPELINE = {"nats", "streams", *ALL}

each = pytest.mark.parametrize("overlay", OVERLAYS)


def pods(overlay: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: pod for one in BUILT[overlay] if (pod := pod_of(one))}


def names(overlay: str, kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in BUILT[overlay] if one["kind"] == kind}


def of_kind(overlay: str, kind: str) -> list[Manifest]:
    return [one for one in BUILT[overlay] if one["kind"] == kind]


def selects(selector: Manifest, pod: Manifest) -> bool:
    labels = pod["metadata"]["labels"]
    return all(labels.get(key) == value for key, value in selector.items())


@each
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_its_schema(overlay: str, version: str) -> None:
    for manifest in BUILT[overlay]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_manifest_that_does_not_fit_is_noticed() -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "specs": {}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@each
def test_kustomize_builds_the_same(overlay: str) -> None:
    """So that what the other tests look at is what a cluster gets."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("no kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", FOLDER / "overlays" / overlay],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    built = list(yaml.safe_load_all(done.stdout))
    hashed = [one["metadata"]["name"] for one in built if one["kind"] == "ConfigMap"]
    plain = {name: name.rpartition("-")[0] for name in hashed}

    assert sorted(yaml.safe_dump(plainly(one, plain)) for one in built) == sorted(
        yaml.safe_dump(plainly(one, {})) for one in BUILT[overlay]
    )


def plainly(told: Any, plain: dict[str, str]) -> Any:
    """Leave out the label that is on everything, and the hashes of names."""
    if isinstance(told, dict):
        kept = {
            key: plainly(value, plain)
            for key, value in told.items()
            if key != "app.kubernetes.io/part-of"
        }
        return {key: value for key, value in kept.items() if key != "labels" or value}
    if isinstance(told, list):
        return [plainly(one, plain) for one in told]
    return plain.get(told, told)


def test_every_file_is_part_of_it() -> None:
    for folder in (FOLDER / "base", *(FOLDER / "overlays").iterdir(), ROOT / "deploy/nats"):
        text = (folder / "kustomization.yaml").read_text()
        left = [file.name for file in folder.iterdir() if file.name not in text]
        assert set(left) <= {"kustomization.yaml", "passwords.conf", "routes.conf", "tls-on.conf"}


def test_the_servers_configuration_is_the_one_of_everybody() -> None:
    """A copy, since kustomize reads nothing above its folder; make readme writes it."""
    assert (FOLDER / "base/nats.conf").read_text() == (ROOT / "nats.conf").read_text()


@each
def test_the_whole_pipeline_is_there(overlay: str) -> None:
    assert set(pods(overlay)) == PIPELINE
    of_compose = {name for name, one in COMPOSE.items() if "profiles" not in one}
    assert of_compose == PIPELINE


@each
def test_nothing_runs_with_more_rights_than_it_needs(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        (container,) = spec["containers"]
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert {"cpu", "memory"} <= set(container["resources"]["limits"]), name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name


@each
def test_limits_of_memory_are_those_of_compose(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        ours = pod["spec"]["containers"][0]["resources"]["limits"]["memory"]
        theirs = COMPOSE[name]["deploy"]["resources"]["limits"]["memory"]
        assert ours.removesuffix("i").lower() == theirs, name


@each
def test_whatever_runs_on_is_probed(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        container = pod["spec"]["containers"][0]
        ports = {one["name"] for one in container.get("ports", ())}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if name == "streams":
                assert probe not in container
            else:
                assert container[probe]["httpGet"]["port"] in ports, (name, probe)


@each
def test_images_are_those_of_the_dockerfile(overlay: str) -> None:
    targets = re.findall(
        r"^FROM .* AS ([a-z0-9-]+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    for name, pod in pods(overlay).items():
        image, tag = pod["spec"]["containers"][0]["image"].split(":")
        target = image.removeprefix("mapstream-")
        assert target in targets, name
        assert target == COMPOSE[name]["build"]["target"]
        assert tag


@each
def test_what_is_mounted_is_there(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        claimed = [
            one["metadata"]["name"]
            for manifest in BUILT[overlay]
            if manifest["metadata"]["name"] == name and "spec" in manifest
            for one in manifest["spec"].get("volumeClaimTemplates", ())
        ]
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        mounted = {one["name"] for one in pod["spec"]["containers"][0]["volumeMounts"]}
        assert mounted == {*volumes, *claimed}, name
        for volume in volumes.values():
            for source in volume.get("projected", {}).get("sources", [volume]):
                check_source(overlay, source)


def check_source(overlay: str, source: Manifest) -> None:
    if told := source.get("configMap"):
        (found,) = [
            one for one in of_kind(overlay, "ConfigMap") if one["metadata"]["name"] == told["name"]
        ]
        for item in told.get("items", ()):
            assert item["key"] in found["data"]
    if claim := source.get("persistentVolumeClaim"):
        assert claim["claimName"] in names(overlay, "PersistentVolumeClaim")
    if secret := source.get("secret"):
        assert (secret.get("name") or secret.get("secretName")) == "mapstream"
        assert {item["key"] for item in secret["items"]} <= written_secrets()


def written_secrets() -> set[str]:
    """Name the files that ``make env`` writes."""
    text = (ROOT / "docker-compose.yml").read_text() + "".join(
        file.read_text() for file in (ROOT / "deploy").glob("compose.*.yml")
    )
    listed = re.findall(r'file: "\$\{SECRETS_FOLDER:-\./secrets\}/([\w.-]+)"', text)
    script = (ROOT / "deploy/write-env.sh").read_text()
    return {*listed, *re.findall(r'> "\$secrets/([\w.-]+\.conf)"', script)}


@each
def test_a_service_is_its_own_user_of_the_bus_with_its_own_secret(overlay: str) -> None:
    known = {user.name for user in users()}
    for name, pod in pods(overlay).items():
        container = pod["spec"]["containers"][0]
        told = {one["name"]: one.get("value") for one in container.get("env", ())}
        user = COMPOSE[name].get("environment", {}).get("MAPSTREAM_NATS__USER")
        assert told.get("MAPSTREAM_NATS__USER") == user, name
        if user is None:
            continue
        assert user in known
        key = f"nats-{user}-password"
        assert told["MAPSTREAM_NATS__PASSWORD_FILE"] == f"/run/secrets/mapstream/{key}"
        (secrets,) = [one for one in pod["spec"]["volumes"] if one["name"] == "secrets"]
        keys = {one["key"] for one in secrets["secret"]["items"]}
        assert keys == ({key, "gateway-token"} if name == "gateway" else {key})
        assert container["envFrom"] == [{"configMapRef": {"name": "bus"}}]


@each
def test_what_is_set_is_a_setting(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (bus,) = [one for one in of_kind(overlay, "ConfigMap") if one["metadata"]["name"] == "bus"]
    prefix = "MAPSTREAM_NATS__"
    fields = {f"{prefix}{name.upper()}" for name in NatsSection.model_fields}
    assert set(bus["data"]) <= fields | {"MAPSTREAM_CONFIG"}
    assert (bus["data"].get("MAPSTREAM_NATS__REPLICAS") == "3") == (overlay == "cluster")

    monkeypatch.setenv("MAPSTREAM_CONFIG", str(FOLDER / "base/config.yaml"))
    told = pods(overlay)["gateway"]["spec"]["containers"][0]["env"]
    for one in told:
        if one["name"].startswith("MAPSTREAM_GATEWAY__"):
            monkeypatch.setenv(one["name"], one["value"])
    monkeypatch.setenv("MAPSTREAM_GATEWAY__HOST", EVERY_ADDRESS)
    section = GatewaySettings.load().gateway
    assert section.tokens[0].file == Path("/run/secrets/mapstream/gateway-token")


@each
def test_a_service_leads_to_its_pods(overlay: str) -> None:
    for service in of_kind(overlay, "Service"):
        selector = service["spec"]["selector"]
        found = [pod for pod in pods(overlay).values() if selects(selector, pod)]
        assert len(found) == 1, service["metadata"]["name"]
        named = {one["name"] for one in found[0]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named
    for one in BUILT[overlay]:
        if one["kind"] in ("StatefulSet", "Deployment"):
            assert selects(one["spec"]["selector"]["matchLabels"], one["spec"]["template"])
        if one["kind"] == "StatefulSet":
            assert one["spec"]["serviceName"] in names(overlay, "Service")


@each
def test_who_owns_state_is_one_at_a_time(overlay: str) -> None:
    for name in ("discovery", "projection", "writing"):
        (one,) = [
            one for one in of_kind(overlay, "StatefulSet") if one["metadata"]["name"] == name
        ]
        assert one["spec"]["replicas"] == 1


@each
def test_the_network_allows_what_is_needed_and_no_more(overlay: str) -> None:
    """Who may open a connection to whom; nobody else has a policy for it at both ends."""
    policies = of_kind(overlay, "NetworkPolicy")
    (nothing,) = [one for one in policies if one["metadata"]["name"] == "nothing"]
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    def ways(direction: str, peers: str, pod: Manifest, other: Manifest) -> set[Any]:
        return {
            port["port"]
            for policy in policies
            if selects(policy["spec"]["podSelector"].get("matchLabels", {}), pod)
            for rule in policy["spec"].get(direction, ())
            if any(
                "podSelector" in peer and selects(peer["podSelector"]["matchLabels"], other)
                for peer in rule.get(peers, ())
            )
            for port in rule["ports"]
        }

    found = {
        (source, target): ports
        for source, sender in pods(overlay).items()
        for target, taker in pods(overlay).items()
        if (ports := ways("egress", "to", sender, taker) & ways("ingress", "from", taker, sender))
    }
    clients = PIPELINE - {"nats", "text2vec"}
    expected = {(client, "nats"): {"nats", "monitoring"} for client in clients}
    expected |= {("embedding", "text2vec"): {"http"}, ("nats", "nats"): {"routes"}}
    assert found == expected


def test_a_cluster_has_three_servers_that_know_each_other() -> None:
    (nats,) = [
        one for one in of_kind("cluster", "StatefulSet") if one["metadata"]["name"] == "nats"
    ]
    assert nats["spec"]["replicas"] == 3
    sources = nats["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]
    paths = [
        item["path"]
        for source in sources
        for kind in ("configMap", "secret")
        for item in source.get(kind, {}).get("items", ())
    ]
    assert len(paths) == len(set(paths))
    assert {"deploy/nats/cluster.conf", "deploy/nats/routes.conf"} <= set(paths)
    script = (ROOT / "deploy/write-env.sh").read_text()
    for number in range(3):
        assert f"nats-{number}.{nats['spec']['serviceName']}" in script


def test_a_patch_needs_its_place() -> None:
    with pytest.raises(KeyError):
        apply({"spec": {}}, {"op": "add", "path": "/spec/template/x", "value": 1})
    with pytest.raises(AssertionError):
        apply({"spec": {}}, {"op": "replace", "path": "/spec/replicas", "value": 1})
