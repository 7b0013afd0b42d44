"""Which variables of the environment are settings: a misspelt one is a mistake, not nothing."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel

PREFIX = "MAPSTREAM_"
BETWEEN = "__"
ALONE = frozenset({"CONFIG", "FAILPOINTS"})
"""What else begins like a setting: the configuration's file, and where tests stop a process."""
ALIASES = {
    "MAX_FILE_SIZE_MB": "MAPSTREAM_BLOBS__MAX_FILE_MB",
    "FILE_CLEANUP_TTL_HOURS": "MAPSTREAM_BLOBS__KEEP_LEFTOVERS_HOURS",
    "ML_ANALYZE_URL": "MAPSTREAM_ANALYSIS__URL",
    "USE_ML_PROCESSING": "MAPSTREAM_ANALYSIS__IS_ON",
    "ML_POLL_INTERVAL_SECONDS": "MAPSTREAM_ANALYSIS__POLL_INTERVAL_S",
}
"""What else some settings are called by deployments that come from elsewhere."""
LISTS = frozenset({list, tuple, dict})
KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$")
"""Kubernetes tells every container of the services beside it, in variables named after them."""


def with_aliases(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return variables, lower-case, with those that another name gives; our own goes before."""
    found = {own.lower(): given[other.lower()] for other, own in ALIASES.items()
             if other.lower() in given}  # fmt: skip
    return found | dict(given)


def unknown_variables(
    environment: Mapping[str, str | None], sections: Collection[str]
) -> Iterator[str]:
    """Tell of each variable that looks like a setting, but is none.

    A field that a section does not have is found by whoever reads the section. A variable that is
    like nothing that is known is somebody else's.

    Args:
        environment: The variables; upper and lower case are the same.
        sections: The names of all sections, and of the fields that stand alone.
    """
    for variable, value in environment.items():
        name = variable.upper()
        if name.startswith(PREFIX) and not _is_of_kubernetes(name, value or ""):
            wanted = _wanted(name.removeprefix(PREFIX), {one.upper() for one in sections})
            if wanted is not None:
                yield f"the environment: {variable}: {wanted}"


def _is_of_kubernetes(name: str, value: str) -> bool:
    if not KUBERNETES.search(name) or BETWEEN in name:
        return False
    return not name.endswith("_PORT") or "_SERVICE_" in name or "://" in value


def _wanted(name: str, sections: Collection[str]) -> str | None:
    """Say what is wrong with a name, and what was meant; nothing if nothing is wrong."""
    section, between, field = name.partition(BETWEEN)
    if section in sections or (not between and section in ALONE):
        return None
    if between:
        known = ", ".join(sorted(one.lower() for one in sections))
        meant = nearest(section, sections)
        hint = f"did you mean {PREFIX}{meant}{BETWEEN}{field}?" if meant else f"known are {known}"
        return f"there is no section '{section.lower()}'; {hint}"
    for one in sections:
        if name.startswith(f"{one}_"):
            meant = f"{PREFIX}{one}{BETWEEN}{name.removeprefix(f'{one}_').lstrip('_')}"
            return f"is no setting; between section and field are two underscores: {meant}"
    meant = nearest(name, {*sections, *ALONE}, likeness=0.8)
    return f"is no setting; did you mean {PREFIX}{meant}?" if meant else None


def nearest(word: str, words: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the word that is most like another, if any is like it."""
    found = get_close_matches(word, list(words), n=1, cutoff=likeness)
    return found[0] if found else None


def origin(
    place: tuple[int | str, ...], environment: Mapping[str, str | None], otherwise: str
) -> str:
    """Say where the value of a field came from: the variable that gave it, or the file.

    Args:
        place: The way to the field, from its section on.
        environment: The variables.
        otherwise: What to say if no variable gave it.
    """
    given = {variable.upper(): variable for variable in environment}
    aliases = {own: other for other, own in ALIASES.items()}
    for length in range(len(place), 0, -1):
        name = PREFIX + BETWEEN.join(str(one) for one in place[:length]).upper()
        for candidate in (name, f"{name}_FILE", aliases.get(name)):
            if candidate in given:
                return f"the environment: {given[candidate]}"
    return otherwise


def not_json(kind: type[BaseModel], environment: Mapping[str, str | None]) -> Iterator[str]:
    """Tell of each variable that holds no JSON, though its field is a list or a section.

    Args:
        kind: The settings.
        environment: The variables.
    """
    for variable, value in environment.items():
        place = variable.upper().removeprefix(PREFIX).lower().split(BETWEEN)
        is_ours = variable.upper().startswith(PREFIX) and _is_composed(kind, place)
        if is_ours and not _is_json(value or ""):
            yield f'the environment: {variable}: is no JSON; it looks like ["a", "b"] for a list'


def _is_composed(kind: type[BaseModel], place: list[str]) -> bool:
    here: type[BaseModel] | None = kind
    for part in place[:-1]:
        field = here.model_fields.get(part) if here else None
        here = _model_in(field.annotation) if field else None
    field = here.model_fields.get(place[-1]) if here else None
    if field is None:
        return False
    kinds = (field.annotation, *get_args(field.annotation))
    return _model_in(field.annotation) is not None or any(
        get_origin(one) in LISTS for one in kinds
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def fields_beside(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """List the fields that there are where a field was sought that is not there."""
    here: type[BaseModel] | None = kind
    for part in place[:-1]:
        if isinstance(part, str) and here is not None:
            field = here.model_fields.get(part)
            here = _model_in(field.annotation) if field else None
    return list(here.model_fields) if here else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, itself or as the items of a list."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
