"""``mapstream run --open``, with a browser that only writes down what it is given."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.e2e.local_run import EXAMPLES, end, live_run
from tests.e2e.page_reading import until

pytestmark = pytest.mark.e2e


async def test_the_page_is_opened_when_the_gateway_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, program = tmp_path / "asked", tmp_path / "browser"
    # It asks for the page at once, as browsers do: too early, and nobody would answer.
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, urllib.request\n"
        "with urllib.request.urlopen(sys.argv[1] + '/health') as answer:\n"
        f"    open({json.dumps(str(asked))}, 'w').write(sys.argv[1] + f' {{answer.status}}')\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    monkeypatch.setenv("DISPLAY", ":99")
    async with live_run(EXAMPLES, tmp_path / "out", "--open") as run:
        await until("a browser was asked", lambda: _is_there(asked))
        assert asked.read_text() == f"{run.gateway} 200"


async def test_without_a_desktop_it_says_where_the_page_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "run", str(EXAMPLES), "--output",
        str(tmp_path / "out"), "--open", stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr
        told = ""
        async with asyncio.timeout(120):
            while "--open: there is no desktop here; open http://" not in told:
                told += (await process.stderr.readline()).decode()
    finally:
        await end(process)


async def _is_there(file: Path) -> bool:
    return file.exists() and " " in file.read_text()
