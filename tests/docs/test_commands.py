"""Every command of README.md and docs is run, against a live run of the examples."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, RUN, SHOWN, Block, Workplace, alike, blocks, exchanges
from tests.e2e.local_run import EXAMPLES, live_run, wait_for_rows

LIVE = "mapstream run examples/runs"
RECORDS = 68
CHECKOUT = (".venv", "Makefile", "README.md", "docs", "examples", "mkdocs.yml", "pyproject.toml",
            "requirements", "services", "shared", "tests")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout, as far as commands see it; what they write stays here."""
    # Where make finds .venv too old, it would install this folder into it, for every test.
    stale = subprocess.run(["make", "--question", ".venv/.dev"], cwd=ROOT, check=False).returncode  # noqa: S607
    assert not stale, "requirements or pyproject.toml are newer than .venv: make setup-dev"
    for name in CHECKOUT:
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "node_modules").symlink_to(ROOT / "tests" / "node" / "node_modules")
    (tmp_path / "agent-runs").symlink_to(EXAMPLES)
    return tmp_path


def every_block() -> list[Block]:
    return [one for page in PAGES for one in blocks(page) if one.language in RUN]


@pytest.mark.e2e
@pytest.mark.timeout(1800)
async def test_every_command_runs(folder: Path, subtests: pytest.Subtests) -> None:
    early = [one for one in every_block() if one.how == "before the live run"]
    rest = [one for one in every_block() if one not in early]
    alone = Workplace(folder, "http://127.0.0.1:8000")
    for block in early:
        await check(block, alone, subtests)
    async with live_run(EXAMPLES, folder / "mapstream-out") as run:
        await wait_for_rows(run.output, lambda found: len(found) == RECORDS)
        await run.settled(RECORDS)
        await run.http()
        for block in rest:
            await check(block, Workplace(folder, run.gateway), subtests)
        assert run.process.returncode is None


async def check(block: Block, workplace: Workplace, subtests: pytest.Subtests) -> None:
    with subtests.test(msg=block.name):
        if block.how.startswith("never, "):
            pytest.skip(f"{block.name}: {block.how.removeprefix('never, ')}")
        if block.missing:
            pytest.skip(f"{block.name}: needs {block.missing}")
        if block.how == "is the live run":
            assert LIVE in block.code
            return
        await asyncio.to_thread(workplace.run, block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_code_is_run_or_only_shown(page: Path) -> None:
    """A block in a language that nobody knows would not be run, and nobody would notice."""
    found = blocks(page)

    assert len(found) * 2 == sum(
        line.lstrip().startswith("```") for line in page.read_text().split("\n")
    )
    assert {one.language for one in found} <= {*RUN, *SHOWN}
    known = ("never, ", "until ", "is the live run", "before the live run")
    assert [one.name for one in found if one.how and not one.how.startswith(known)] == []
    assert "<!-- run:" not in page.read_text().replace("-->\n```", "").replace(
        "<!-- run: ", "", sum(bool(one.how) for one in found)
    )


@pytest.mark.parametrize(
    ("wanted", "got", "is_alike"),
    [
        ("68 rows in 1.2 s\n", "70 rows in 14.0 s", True),
        ("id 2fb6a4aef3b2\n", "id aabbccddeeff00", True),
        ("a  1\nb     2", "a 1\nb 2", True),
        ("first\n…\nlast", "first\nx\ny\nlast", True),
        ("so … on", "so it goes on", True),
        ("68 rows", "68 columns", False),
        ("one\ntwo", "one", False),
        ("one", "one\ntwo", False),
    ],
)
def test_output_is_compared_loosely(wanted: str, got: str, *, is_alike: bool) -> None:
    assert alike(wanted, got) == is_alike


def test_a_console_block_is_commands_and_what_they_print() -> None:
    assert exchanges("$ echo a \\\n  b\na b\n$ true\n") == [
        ("echo a \\\n  b", "a b\n"),
        ("true", ""),
    ]


@pytest.mark.parametrize(
    ("language", "code"),
    [("sh", "echo a; false\n"), ("console", "$ echo a\nb\n"), ("python", "assert False")],
)
def test_a_command_that_fails_or_prints_something_else_is_found(
    tmp_path: Path, language: str, code: str
) -> None:
    block = Block(ROOT / "README.md", 1, language, code, "")

    with pytest.raises(AssertionError, match=r"README\.md:1"):
        Workplace(tmp_path, "").run(block)
