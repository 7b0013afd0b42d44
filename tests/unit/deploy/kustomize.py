"""What `kubectl kustomize` does, as far as deploy/kubernetes asks for it; names get no hash."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
KNOWN = {
    "apiVersion", "kind", "namespace", "resources", "configMapGenerator", "labels", "images",
    "patches",
}  # fmt: skip


def build(folder: Path) -> list[Manifest]:
    """Put together what a folder's kustomization.yaml names; an unknown field is a mistake."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(told) <= KNOWN, folder
    found = [one for name in told.get("resources", ()) for one in _resources(folder, name)]
    for generator in told.get("configMapGenerator", ()):
        _generate(folder, generator, found)
    for patch in told.get("patches", ()):
        target = patch["target"]
        (one,) = [one for one in found if is_named(one, target["kind"], target["name"])]
        for operation in yaml.safe_load(patch["patch"]):
            apply(one, operation)
    for manifest in found:
        if "namespace" in told and manifest["kind"] != "Namespace":
            manifest["metadata"]["namespace"] = told["namespace"]
    _rename(found, told.get("images", ()))
    return found


def is_named(manifest: Manifest, kind: str, name: str) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)


def pod_of(manifest: Manifest) -> Manifest | None:
    """Return the template of the pods that a manifest makes, if it makes any."""
    return manifest.get("spec", {}).get("template") if manifest["kind"] != "Service" else None


def apply(manifest: Manifest, operation: Manifest) -> None:
    """Apply one operation of a JSON patch; its place must be there."""
    *way, last = [part.replace("~1", "/") for part in operation["path"].split("/")[1:]]
    here: Any = manifest
    for part in way:
        here = here[int(part) if isinstance(here, list) else part]
    value, word = operation.get("value"), operation["op"]
    if isinstance(here, list):
        if word == "add":
            here.insert(len(here) if last == "-" else int(last), value)
        elif word == "remove":
            del here[int(last)]
        else:
            here[int(last)] = value
    elif word == "add":
        here[last] = value
    else:
        assert last in here, operation
        here.pop(last)
        if word == "replace":
            here[last] = value


def _resources(folder: Path, name: str) -> Iterator[Manifest]:
    path = folder / name
    if path.is_dir():
        yield from build(path)
        return
    assert path.resolve().is_relative_to(folder.resolve()), f"{path}: only below its folder"
    yield from (copy.deepcopy(one) for one in yaml.safe_load_all(path.read_text()) if one)


def _generate(folder: Path, generator: Manifest, found: list[Manifest]) -> None:
    data = {}
    for name in generator.get("files", ()):
        path = folder / name
        assert path.resolve().is_relative_to(folder.resolve()), f"{path}: only below its folder"
        data[path.name] = path.read_text()
    data |= dict(one.split("=", 1) for one in generator.get("literals", ()))
    if generator.get("behavior") == "merge":
        (one,) = [one for one in found if is_named(one, "ConfigMap", generator["name"])]
        one["data"] |= data
    else:
        metadata = {"name": generator["name"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _rename(manifests: list[Manifest], images: list[Manifest]) -> None:
    for manifest in manifests:
        pod = pod_of(manifest)
        for container in pod["spec"]["containers"] if pod else ():
            for image in images:
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
