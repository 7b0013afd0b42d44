"""Writes docs/configuration.md from the services' settings."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, HttpUrl, SecretStr
from pydantic.fields import FieldInfo

from docs.generators.sections import services, settings_fields
from shared.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "configuration.md"
EVERY = "every service"
WORDS = {
    bool: "yes or no", int: "whole number", float: "number", str: "text", Path: "path",
    HttpUrl: "URL", SecretStr: "secret",  # pragma: allowlist secret
}  # fmt: skip
LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
INTRO = """\
# Configuration

Written by `make readme` from the services' settings; change those, not this file.

Every field has a default that works. The file is YAML with a section per concern; name it with
`mapstream run --config FILE`, or with the variable `MAPSTREAM_CONFIG` for a service that is
started alone (`python -m services.<name>`). A variable goes before the file:
`MAPSTREAM_EMBEDDING__URL` sets the field `url` of the section `embedding`. Lists and mappings in
variables are JSON. An unknown section or field, or a value that is not allowed, ends the process
with code 2 and a line per mistake that names the variable or the file, the field, and what was
probably meant. The sections of all variables that begin with `MAPSTREAM_` are looked at by every
process; a variable that is like no setting is left alone, and so are those that Kubernetes sets
for a service beside it.

A secret can also come from a file, as containers are given them: `MAPSTREAM_NATS__PASSWORD_FILE`
names the file that holds `nats.password`, and so for every field of the type secret; white space
around it is not part of it. No log, status or message repeats a secret.

An `https` embedding server is reached through the proxy of `https_proxy` or `HTTPS_PROXY`, else of
`all_proxy` or `ALL_PROXY`, unless `no_proxy` or `NO_PROXY` lists it: names (with all below them),
addresses, also as `[::1]`, networks as `10.0.0.0/8`, or `*`. SOCKS is not spoken. `SSL_CERT_FILE`
and `SSL_CERT_DIR` name authorities in place of the usual ones.

```yaml
ingestion:
  sources:
    - path: ~/agent-runs
embedding:
  url: http://127.0.0.1:11434
  model: all-minilm
projection:
  refit_threshold: 1.5
```

`mapstream run` decides some fields itself, whatever the file says: `nats.url`, `state.folder` and
`output.folder` (from `--output`), `collections` (from `--collection`), `health.host` and
`health.port`, and `ingestion.sources` if folders are given. If `embedding.url` is set nowhere it
starts the embedded server, text2vec. If `gateway.port` is taken it uses another one and says
which.
"""


def main() -> None:
    """Write the file."""
    FILE.write_text(render())


def render() -> str:
    """Return the page."""
    sections: dict[str, tuple[FieldInfo, list[str]]] = {}
    for service, name, field in settings_fields():
        known, readers = sections.get(name, (field, []))
        # A service that reads a part of another's section has a view of it with fewer fields.
        fuller = max(known, field, key=lambda one: len(fields_of(one.annotation)))
        sections[name] = (fuller, [*readers, service])
    names = sorted(sections, key=lambda name: rank(sections[name][0]))
    return "\n".join([INTRO, *(part for name in names for part in section(name, *sections[name]))])


def rank(field: FieldInfo) -> int:
    """Put what stands alone first, then the services' own sections, then what several share."""
    if not fields_of(field.annotation):
        return 0
    return 2 if getattr(field.annotation, "__module__", "") == ServiceSettings.__module__ else 1


def section(name: str, field: FieldInfo, readers: list[str]) -> Iterator[str]:
    """Describe a section, or a field that stands alone."""
    who = EVERY if set(readers) == set(services()) else ", ".join(readers)
    yield f"## {name}\n\n{field.description} Read by {who}.\n"
    yield "| field | type | default | what it is | variable |\n|---|---|---|---|---|"
    for path, one in flatten(name, field):
        yield row(path, one)
    yield ""
    for path, one in flatten(name, field):
        if item := item_of(one.annotation):
            yield f"Each of `{path}`:\n"
            yield "| field | type | default | what it is |\n|---|---|---|---|"
            yield from (row(sub, inner, is_item=True) for sub, inner in item.model_fields.items())
            yield ""


def flatten(path: str, field: FieldInfo) -> Iterator[tuple[str, FieldInfo]]:
    """List the plain fields below a field, with their paths."""
    below = fields_of(field.annotation)
    if not below:
        yield path, field
    for name, one in below.items():
        yield from flatten(f"{path}.{name}", one)


def row(path: str, field: FieldInfo, *, is_item: bool = False) -> str:
    """Describe a field in a row of a table."""
    name = path.split(".", 1)[-1]
    about = (field.description or "").replace("**", r"\*\*")
    cells = [f"`{name}`", kind(field), default(field), about]
    if not is_item:
        cells.append(f"`MAPSTREAM_{path.upper().replace('.', '__')}`")
    return f"| {' | '.join(cells)} |"


def kind(field: FieldInfo) -> str:
    """Name a field's type and limits."""
    limits = [
        f"{sign} {limit:,}"
        for one in field.metadata
        for name, sign in LIMITS.items()
        if (limit := getattr(one, name, None)) is not None
    ]
    return ", ".join([word(field.annotation), *limits])


def word(annotation: Any) -> str:
    """Name a type for people."""
    arguments = [one for one in get_args(annotation) if one is not Ellipsis]
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return " or ".join(word(one) for one in arguments if one is not NoneType) + ", or none"
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin is tuple:
        return "list" if item_of(annotation) else f"list of {word(arguments[0])}"
    return WORDS.get(annotation, "text")


def default(field: FieldInfo) -> str:
    """Write a field's default as it would stand in the file."""
    value = field.default
    if field.is_required():
        return "must be given"
    if value is None or value == ():
        return "none"
    plain = value if isinstance(value, bool | int | float | str) else None
    if isinstance(value, tuple):
        plain = list(value)
    if plain is None or isinstance(value, PurePath):
        return f"`{value}`"
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"


def fields_of(annotation: Any) -> dict[str, FieldInfo]:
    """Return the fields of a section, none of anything else."""
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return dict(annotation.model_fields) if is_section else {}


def item_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a list's items, if it has one."""
    items = [one for one in get_args(annotation) if fields_of(one)]
    return items[0] if items else None
