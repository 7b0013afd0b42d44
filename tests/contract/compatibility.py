"""What a release promised to others, and what would break it.

``python -m tests.contract.compatibility`` freezes the contracts of the current version into
``released/<version>.json``; that is done once, when a version is released.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docs.generators import asyncapi
from shared.bus.registry.channels import CHANNELS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = HERE / "examples"
RELEASED = HERE / "released"
WORDS = {"description", "title"}
"""What a schema says to people only."""


def current() -> dict[str, Any]:
    """Describe the contracts as they are now."""
    schemas = asyncapi.json_schemas()
    families: dict[str, Any] = {}
    for channel in CHANNELS:
        families[channel.family] = {"content_type": channel.content_type, "stream": channel.stream}
        if channel.contract:
            families[channel.family]["schema"] = schemas[channel.family]
        if columns := asyncapi.columns(channel):
            families[channel.family]["columns"] = {
                field.name: f"{asyncapi.arrow_type(field)}{'' if field.nullable else ' not null'}"
                for field in columns
            }
    return {
        "version": version("mapstream"),
        "families": families,
        "descriptor": schemas["batch-descriptor"],
        "examples": {
            file.relative_to(EXAMPLES).as_posix(): digest(file)
            for file in sorted(EXAMPLES.glob("*/*.*"))
        },
    }


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Say what would break somebody who knows only the old contracts."""
    found = differences("descriptor", old["descriptor"], new["descriptor"])
    for family, was in old["families"].items():
        now = new["families"].get(family)
        if now is None:
            found.append(f"{family}: the subject is gone")
            continue
        found += [
            f"{family}: {fact} was {was[fact]}, is {now[fact]}"
            for fact in ("content_type", "stream")
            if was[fact] != now[fact]
        ]
        found += [
            f"{family}: column {name} was {kind}, is {now.get('columns', {}).get(name)}"
            for name, kind in was.get("columns", {}).items()
            if now.get("columns", {}).get(name) != kind
        ]
        if "schema" in was:
            found += differences(family, was["schema"], now.get("schema", {}))
    return found


def differences(path: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Compare two schemas: a field may be added, if it need not be there; all else breaks.

    A wider field breaks its readers, a narrower one its writers, and another default those who
    leave it out; so a known field stays as it was.
    """
    return _compare(path, _resolved(old, old), _resolved(new, new))


def _compare(path: str, old: Any, new: Any) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{path}: was {json.dumps(old)}, is {json.dumps(new)}"]
    was, now = old.get("properties", {}), new.get("properties", {})
    found = [f"{path}.{name}: the field is gone" for name in was if name not in now]
    for name in now:
        if name in was:
            found += _compare(f"{path}.{name}", was[name], now[name])
        elif name in new.get("required", ()):
            found.append(f"{path}.{name}: a new field that must be there")
    for name in set(old.get("required", ())) ^ set(new.get("required", ())):
        if name in was and name in now:
            found.append(f"{path}.{name}: must be there, or need no longer")
    for word in sorted((old.keys() | new.keys()) - {"properties", "required"}):
        if word in old and word in new:
            found += _each(f"{path} {word}", old[word], new[word])
        else:
            found.append(f"{path}: {word} was {old.get(word)}, is {new.get(word)}")
    return found


def _each(path: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return [one for a, b in pairs for one in _compare(path, a, b)]
    return _compare(path, old, new)


def _resolved(value: Any, root: dict[str, Any]) -> Any:
    """Put definitions in the place of references, and leave out what is said to people."""
    if isinstance(value, list):
        return [_resolved(one, root) for one in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _resolved(root["$defs"][value["$ref"].removeprefix("#/$defs/")], root)
    return {
        key: {name: _resolved(one, root) for name, one in inner.items()}
        if key == "properties"
        else _resolved(inner, root)
        for key, inner in value.items()
        if key not in WORDS and not key.startswith("$")
    }


def main() -> None:
    """Freeze the current contracts, once per version."""
    facts = current()
    file = RELEASED / f"{facts['version']}.json"
    if file.exists():
        sys.exit(f"{file} exists: what was released stays as it is")
    file.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
