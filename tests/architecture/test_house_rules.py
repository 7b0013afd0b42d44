"""The house rules that no linter knows."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from shared.bus.registry.channels import CHANNELS
from shared.services import ALL, ON_BUS

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for top in ("services", "shared") for p in (ROOT / top).rglob("*.py"))
MODULES = [*SOURCES, *sorted((ROOT / "docs" / "generators").glob("*.py"))]
SERVICES = sorted(p.name for p in (ROOT / "services").iterdir() if (p / "__init__.py").exists())
FAMILIES = [channel.family for channel in CHANNELS]
DUMPING_GROUNDS = {"base_utils", "common", "helpers", "misc", "util", "utils"}
LONGEST_FILE = 300
LONGEST_FUNCTION = 50

per_service = pytest.mark.parametrize("service", SERVICES)


def offenders(names: Iterable[tuple[Path, object]]) -> dict[str, object]:
    """Name the modules in which something was found, with what it is."""
    return {str(path.relative_to(ROOT)): found for path, found in names if found}


@dataclass(frozen=True)
class Facts:
    """What the rules ask of a module; its tree itself would take much room."""

    functions: dict[str, int]
    """How many lines each has beyond its first."""
    except_stars: list[int]
    imported: list[str]
    strings: list[str]
    """Texts that are no docstrings, the parts of f-strings too."""


@cache
def facts(path: Path) -> Facts:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    named = [n for n in nodes if isinstance(n, ast.Module | ast.ClassDef)]
    docstrings = {ast.get_docstring(n, clean=False) for n in (*functions, *named)}
    imported = [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
    imported += [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    strings = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return Facts(
        {f"{f.name}:{f.lineno}": (f.end_lineno or 0) - f.lineno for f in functions},
        [n.lineno for n in nodes if isinstance(n, ast.TryStar)],
        imported,
        [one for one in strings if one not in docstrings],
    )


def test_there_are_modules_to_look_at() -> None:
    assert len(SOURCES) > 500
    assert len(MODULES) > len(SOURCES)


def test_no_file_is_too_long() -> None:
    """Long files creep in wherever nothing forbids them."""
    lengths = [(path, len(path.read_text().splitlines())) for path in MODULES]

    assert offenders((path, n) for path, n in lengths if n > LONGEST_FILE) == {}


def test_no_function_is_too_long() -> None:
    found = [
        (path, [name for name, n in facts(path).functions.items() if n >= LONGEST_FUNCTION])
        for path in MODULES
    ]

    assert offenders(found) == {}


def test_nothing_is_raised_out_of_a_group_by_except_star() -> None:
    """Python 3.11.2, that of Debian 12, wraps it in a group again: users would see a traceback."""
    assert offenders((path, facts(path).except_stars) for path in SOURCES) == {}


def test_no_dumping_ground() -> None:
    """A module without a subject collects whatever has none."""
    found = [(path, {path.stem, path.parent.name} & DUMPING_GROUNDS) for path in MODULES]

    assert offenders(found) == {}


def test_one_module_knows_what_faststream_keeps_to_itself() -> None:
    """It may change with any release: there is one place to look, and its version is pinned."""
    knows = ROOT / "shared/bus/consuming/durable_subscriber.py"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [one for one in project["optional-dependencies"]["bus"] if "faststream" in one]

    assert pin.partition("[nats]==")[2]
    assert offenders((path, _internals(path)) for path in SOURCES if path != knows) == {}


def _internals(path: Path) -> list[str]:
    return [one for one in facts(path).imported if one.startswith("faststream._internal")]


def test_subjects_are_spelled_in_the_table_only() -> None:
    """A subject spelled twice is changed once."""
    found = [
        (path, {one for one in facts(path).strings if family_of(one)})
        for path in SOURCES
        if path.parent.name not in {"registry", "contracts"}
    ]

    assert offenders(found) == {}


def test_a_family_is_spelled_once() -> None:
    """In its contract, or in its row where it has none."""
    spelled = Counter(
        family
        for path in SOURCES
        for one in facts(path).strings
        if (family := family_of(one)) and not one.startswith("dead.")
    )

    assert spelled == Counter(one.family for one in CHANNELS if not one.is_dead_letter)


def has_handlers(service: str) -> bool:
    """Tell whether a service has an application; a few loops need none."""
    return importlib.util.find_spec(f"services.{service}.handlers") is not None


def family_of(text: str) -> str | None:
    """Return the family that a text is, or that it begins with as a subject or an id does."""
    return next(
        (one for one in FAMILIES if text == one or text.startswith((f"{one}.", f"{one}:"))), None
    )


@per_service
def test_a_service_says_what_it_reads_writes_and_owns(service: str) -> None:
    """So that a newcomer knows a service from its first file."""
    docstring = ast.get_docstring(
        ast.parse((ROOT / "services" / service / "__init__.py").read_text())
    )

    assert docstring
    for word in ("reads", "writes", "owns"):
        assert word in docstring.lower()


@pytest.mark.parametrize("service", ON_BUS)
def test_the_docstring_names_exactly_the_subjects_of_the_table(service: str) -> None:
    docstring = ast.get_docstring(
        ast.parse((ROOT / "services" / service / "__init__.py").read_text())
    )
    assert docstring
    text = " ".join(docstring.split())

    for channel in CHANNELS:
        takes_part = service == channel.producer or service in channel.consumers
        is_own_dead_letters = channel.family.startswith("dead.") and service == "discovery"
        if takes_part and not is_own_dead_letters:
            assert f"``{channel.family}``" in text, channel.family


@pytest.mark.parametrize("service", [one for one in ALL if one != "gateway"])
def test_a_service_does_not_load_what_only_another_needs(service: str) -> None:
    """So that a container holds only what its service needs."""
    # FastStream loads watchfiles if it is there.
    own = {
        "writing": {"lance"},
        "projection": {"scipy"},
        "text2vec": {"tokenizers"},
        "embedding": {"httpx"},
        "discovery": {"aiosqlite"},
    }
    foreign = {"sklearn", "duckdb", "polars", "typer", "lance", "scipy", "tokenizers"}
    foreign |= {"rich", "pygments", "pandas", "aiohttp"}
    code = (
        f"import gc, sys, services.{service}.__main__; print(*sys.modules);"
        "assert gc.isenabled() and gc.get_freeze_count() > len(sys.modules)"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert (foreign - own.get(service, set())) & set(loaded.stdout.split()) == set()


@pytest.mark.parametrize("service", [one for one in ON_BUS if has_handlers(one)])
def test_the_application_is_loaded_without_the_bus(service: str) -> None:
    """A handler yields what is published, as data: whoever tests it needs no server."""
    code = (
        "import importlib, pkgutil, sys\n"
        f"room = importlib.import_module('services.{service}.handlers')\n"
        "for one in pkgutil.iter_modules(getattr(room, '__path__', ())):\n"
        "    importlib.import_module(f'{room.__name__}.{one.name}')\n"
        "print(*sys.modules)"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert {"nats", "faststream", "starlette"} & set(loaded.stdout.split()) == set()
