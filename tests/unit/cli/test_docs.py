"""What the documents say is so."""

import re
from pathlib import Path

import pytest
import typer

from docs.generators import configuration, sections
from services.cli.app import build_app
from shared.sections import SECTIONS

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
WRITTEN = {
    "chaos-report.md",
    "mutations.md",
    "reference/batches.md",
    "reference/statuses.md",
    "runbook.md",
    "limits.md",
}
"""Found from the pages that they belong to."""
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)

per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_the_reference_of_the_configuration_is_fresh() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text()

    assert configuration.render() == written, "run: make readme"


def test_the_sections_that_every_process_knows_are_those_of_the_services_classes() -> None:
    """A process that knows too few refuses what another reads."""
    assert sections.render() == sections.FILE.read_text(), "run: make readme"
    assert {"ingestion", "text2vec", "collections", "nats"} < SECTIONS


@per_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())

    assert [one for one in targets if not (page.parent / one).exists()] == []


@per_page
def test_commands_and_their_options_exist(page: Path) -> None:
    words = [
        command.split()
        for block in BLOCK.findall(page.read_text())
        for line in block.replace("\\\n", " ").splitlines()
        for command in re.findall(r"mapstream ((?:[a-z]+ )?.*)", line.split("#")[0])
    ] + [one.split() for one in re.findall(r"`mapstream ([a-z][^`]*)`", page.read_text())]
    click = typer.main.get_command(build_app())

    for command in words:
        known = click
        for word in command:
            known = getattr(known, "commands", {}).get(word, known)
        assert known is not click, command
        options = {
            option
            for parameter in known.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        given = {word.split("=")[0] for word in command if word.startswith("--")}
        assert given <= options | {"--help"}, command


def test_make_targets_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", README.replace("and `make` are", "")))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named - targets == set()


def test_the_tests_that_are_named_as_proof_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", README))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert named
    assert {one for one in named if f"def {one}(" not in tests} == set()


def test_every_page_is_in_the_site_and_is_found_from_the_readme_or_the_index() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    found = README + (ROOT / "docs" / "index.md").read_text()
    pages = [
        str(page.relative_to(ROOT / "docs"))
        for page in (ROOT / "docs").rglob("*.md")
        if "decisions" not in page.parts and page.name != "index.md"
    ]

    assert [one for one in pages if f": {one}\n" not in site] == []
    assert [one for one in pages if one not in found and one not in WRITTEN] == []


def test_what_the_page_of_places_names_is_there() -> None:
    """A place that moved would send whoever looks first into nothing."""
    named = re.findall(
        r"`((?:services|shared|docs|tests|deploy)/[\w/.*-]+|mkdocs\.yml)`",
        (ROOT / "docs" / "changing.md").read_text(),
    )

    assert len(named) > 60
    assert {one for one in named if not [*ROOT.glob(one)]} == {"docs/NAME.md"}
