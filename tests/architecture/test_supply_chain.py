"""What is installed: every package is pinned with its hashes, and under a licence that fits."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>[^\n]*)\n", re.MULTILINE
)
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


def wanted(*, with_tools: bool) -> Iterator[Requirement]:
    project = PROJECT["project"]
    groups = PROJECT["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), groups["build"]]
    if with_tools:
        lists += [groups["test"], groups["dev"]]
    else:
        lists.remove(project["optional-dependencies"]["minilm"])  # for those who ask for it
    for one in lists:
        for text in one:
            if isinstance(text, str) and not text.startswith("mapstream"):
                yield Requirement(text)


@pytest.mark.parametrize(("file", "with_tools"), [("run.txt", False), ("dev.txt", True)])
def test_the_locks_are_in_step_with_the_project(file: str, *, with_tools: bool) -> None:
    locked = pins(file)

    for one in wanted(with_tools=with_tools):
        versions = locked.get(canonicalize_name(one.name))
        assert versions, f"{one.name} is not in requirements/{file}; run: make lock"
        fitting = set(one.specifier.filter(versions, prereleases=True))
        assert fitting == versions, f"{one} is {versions} in requirements/{file}; run: make lock"


@pytest.mark.parametrize("file", ["run.txt", "dev.txt"])
def test_every_pin_has_hashes(file: str) -> None:
    text = (ROOT / "requirements" / file).read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())

    assert len(blocks) == sum(map(len, pins(file).values())) > 20
    assert [one.splitlines()[0] for one in blocks if "--hash=sha256:" not in one] == []
    assert not re.search(r"https?://|file:|^-", text, re.MULTILINE)


def test_tools_and_services_agree_on_versions() -> None:
    run, dev = pins("run.txt"), pins("dev.txt")

    assert {name: (run[name], dev[name]) for name in run if run[name] != dev.get(name)} == {}


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
        if BARRED.search(words) or not FITTING.search(words):
            unfit[name] = words

    assert unfit == {}
