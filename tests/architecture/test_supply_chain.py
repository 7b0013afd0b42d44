"""What is installed: every package is pinned with its hashes, and under a licence that fits."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shared.services import ALL

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>[^\n]*)\n", re.MULTILINE
)
SERVICES = (*ALL, "cli")
LOCKS = [
    ("run.txt", ("all",), ("build",)),
    ("dev.txt", ("all", "minilm", "otel"), ("dev",)),
    ("build.txt", (), ("build",)),
    ("node.txt", (), ("node",)),
    *((f"{name}.txt", (name,), ()) for name in SERVICES),
]
FITTING = re.compile(
    r"apache|bsd|mit\b|mit license|isc|mpl|mozilla|psf|python software|unlicense|0bsd|zlib|cc0"
    r"|public domain|blueoak|boost|bsl-1",
    re.IGNORECASE,
)
BARRED = re.compile(r"\bA?GPL|affero|SSPL|commercial|proprietary", re.IGNORECASE)


def pins(file: str) -> dict[str, set[str]]:
    """Name what is pinned; one package may have a version for each version of Python."""
    text = (ROOT / "requirements" / file).read_text()
    found: dict[str, set[str]] = {}
    for one in PIN.finditer(text):
        found.setdefault(canonicalize_name(one["name"]), set()).add(one["version"])
    return found


def wanted(extras: tuple[str, ...], groups: tuple[str, ...]) -> Iterator[Requirement]:
    texts = [*(PROJECT["project"]["dependencies"] if extras else ())]
    for extra in extras:
        texts += PROJECT["project"]["optional-dependencies"][extra]
    for group in groups:
        for one in PROJECT["dependency-groups"][group]:
            if isinstance(one, str):
                texts.append(one)
            else:
                yield from wanted((), (one["include-group"],))
    for one in map(Requirement, texts):
        if one.name == "mapstream":
            yield from wanted(tuple(one.extras), ())
        else:
            yield one


@pytest.mark.parametrize(("file", "extras", "groups"), LOCKS)
def test_the_locks_are_in_step_with_the_project(
    file: str, extras: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    locked = pins(file)

    for one in wanted(extras, groups):
        versions = locked.get(canonicalize_name(one.name))
        assert versions, f"{one.name} is not in requirements/{file}; run: make lock"
        fitting = set(one.specifier.filter(versions, prereleases=True))
        assert fitting == versions, f"{one} is {versions} in requirements/{file}; run: make lock"


@pytest.mark.parametrize("file", [one[0] for one in LOCKS])
def test_every_pin_has_hashes(file: str) -> None:
    text = (ROOT / "requirements" / file).read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())

    assert len(blocks) == sum(map(len, pins(file).values())) > 0
    assert [one.splitlines()[0] for one in blocks if "--hash=sha256:" not in one] == []
    assert not re.search(r"https?://|file:|^-", text, re.MULTILINE)


@pytest.mark.parametrize("file", [one[0] for one in LOCKS])
def test_all_locks_agree_on_versions(file: str) -> None:
    run, other = pins("run.txt"), pins(file)

    assert {
        name: (run[name], other[name]) for name in run.keys() & other if run[name] != other[name]
    } == {}


def first_line_of_licence(name: str) -> str:
    """What the licence's own text is called: some packages tell it nowhere else."""
    text = distribution(name).read_text("licenses/LICENSE") or ""
    return text.strip().partition("\n")[0]


def test_what_runs_is_under_licences_that_fit_ours() -> None:
    unfit = {}
    for name in pins("run.txt"):
        try:
            told = metadata(name)
        except PackageNotFoundError:  # for another platform
            continue
        classifiers = [one for one in told.get_all("Classifier", []) if one.startswith("License")]
        expressions = told.get_all("License-Expression", [])
        words = " ".join([*expressions, *classifiers, *told.get_all("License", [])])[:500]
        words = words if FITTING.search(words) else f"{words} {first_line_of_licence(name)}"
        if BARRED.search(words) or not FITTING.search(words):
            unfit[name] = words

    assert unfit == {}


ONLY = """
import importlib, importlib.abc, importlib.metadata, re, sys

allowed = set(sys.argv[2].split())
owners = importlib.metadata.packages_distributions()

class OnlyAllowed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        packages = owners.get(name.partition(".")[0], ())
        found = {re.sub("[-_.]+", "-", one).lower() for one in packages}
        if found - {"mapstream"} and not found & allowed:
            raise ModuleNotFoundError(f"{name} of {found} is not in the image", name=name)

sys.meta_path.insert(0, OnlyAllowed())
importlib.import_module(f"services.{sys.argv[1]}.app")
"""


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_whatever_its_service_imports(service: str) -> None:
    """It has nothing but what its file of requirements pins; this place has all of it."""
    allowed = " ".join(pins(f"{service}.txt"))
    done = subprocess.run(
        [sys.executable, "-c", ONLY, service, allowed],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
