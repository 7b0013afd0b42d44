"""The code blocks of README.md and docs, and how they are run.

A comment before a block says what is special about it; it is not seen by whoever reads the page:

* ``<!-- run: never, REASON -->``: not run here; the reason is listed.
* ``<!-- run: until TEXT -->``: it does not end by itself; run until it prints the text.
* ``<!-- run: is the live run -->``: what the live run of the test was started with.
* ``<!-- run: before the live run -->``: it uses the same folder as the live run.

A block that needs a program of ``ELSEWHERE`` is left out, with that reason, where it is missing.
One with containers is always left out: ``tests/compose`` starts those.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        *(
            page
            for page in (ROOT / "docs").rglob("*.md")
            if page.parent.name != "decisions"  # they tell of their day
        ),
        *(page for name in ("SECURITY.md",) if (page := ROOT / name).exists()),
    ]
)
RUN = ("sh", "python", "js", "console")
SHOWN = ("", "csv", "json", "yaml", "text", "toml", "nginx", "conf", "ini", "promql", "sql")
FENCE = re.compile(
    r"(?:^ *<!-- run: (?P<how>.*?) -->\n+)?^(?P<indent> *)```(?P<language>\w*)[^\n]*\n"
    r"(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
ELSEWHERE = (
    "embedding-atlas", "duckdb", "node", "promtool", "prometheus", "grafana-server",
    "systemctl", "kubectl", "openssl", "jq", "nats-top", "curl",
)  # fmt: skip
PROGRAMS = {"python": ("python", ".py"), "js": ("node", ".mjs")}
PATIENCE_S = 180


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    code: str
    how: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def missing(self) -> str | None:
        """What the block needs and is not here."""
        words = {"node"} if self.language == "js" else set(self.commands.split("\n"))
        if "docker" in words:
            return "containers: make compose-test"
        return next((one for one in ELSEWHERE if one in words and not shutil.which(one)), None)

    @property
    def commands(self) -> str:
        """The code without its comments and arguments in quotes."""
        if self.language == "python":
            return ""
        code = re.sub(r"(^|\s)#.*", "", self.code)
        starts = re.split(r"[\n|;&(]+", code.replace("\\\n", " "))
        return "\n".join(start.strip().removeprefix("$ ").split(" ")[0] for start in starts)


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            re.sub(rf"^{found['indent']}", "", found["code"], flags=re.MULTILINE),
            (found["how"] or "").strip(),
        )
        for found in FENCE.finditer(text)
    ]


@dataclass(frozen=True)
class Workplace:
    """A folder that looks like a checkout, with a run in it, and an environment per page."""

    folder: Path
    gateway: str

    def run(self, block: Block) -> str:
        """Run a block; what it printed. AssertionError if it fails or prints something else."""
        if block.language == "console":
            return self._session(block)
        code = block.code.replace("http://127.0.0.1:8000", self.gateway)
        if block.how.startswith("until "):
            return self._until(block, code, block.how.removeprefix("until "))
        return self._finished(block, self._command(block, code))

    def _session(self, block: Block) -> str:
        told = []
        for command, wanted in exchanges(block.code):
            code = command.replace("http://127.0.0.1:8000", self.gateway)
            got = self._finished(block, self._command(block, code))
            assert alike(wanted, got), (
                f"{block.name}\n$ {command}\nprinted:\n{got}\nnot:\n{wanted}"
            )
            told.append(got)
        return "".join(told)

    def _finished(self, block: Block, words: list[str]) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=self._environment(), timeout=PATIENCE_S, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        told = (
            f"{block.name} ended with {done.returncode}:\n{block.code}\n{done.stdout}{done.stderr}"
        )
        assert done.returncode == 0, told
        return done.stdout

    def _until(self, block: Block, code: str, text: str) -> str:
        told = ""
        with subprocess.Popen(
            self._command(block, code), cwd=self.folder, env=self._environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        ) as process:  # fmt: skip
            ending = threading.Timer(PATIENCE_S, stop, [process])
            ending.start()
            for line in process.stdout or ():
                told += line
                if text in line:
                    break
            ending.cancel()
            stop(process)
        assert text in told, f"{block.name} never printed '{text}':\n{code}\n{told}"
        return told

    def _command(self, block: Block, code: str) -> list[str]:
        kept = self.folder / f".{block.page.stem}.environment"
        if block.language in PROGRAMS:
            program, suffix = PROGRAMS[block.language]
            file = self.folder / f"block{suffix}"
            file.write_text(code)
            code = f"{program} {file}"
        script = f"set -a; [ ! -f {kept} ] || . {kept}\n{code}\nexport -p > {kept}\n"
        return ["bash", "-euo", "pipefail", "-c", script]

    def _environment(self) -> dict[str, str]:
        stand_in = [] if shutil.which("nats") else [str(Path(__file__).parent / "bin")]
        path = [str(ROOT / ".venv" / "bin"), *stand_in, os.environ["PATH"]]
        return os.environ | {
            "PATH": ":".join(path),
            "HOME": str(self.folder),
            "PYTHONWARNINGS": "ignore",
        }


def stop(process: subprocess.Popen[str]) -> None:
    """Interrupt a block and what it started, as Ctrl-C does; kill what stays."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=20)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def exchanges(code: str) -> list[tuple[str, str]]:
    """Split a console block into commands and what they print."""
    found = []
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        lines = part.split("\n")
        end = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
        found.append(("\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :])))
    return found


def alike(wanted: str, got: str) -> bool:
    """Compare what a page shows with what was printed.

    Numbers, ids and the width of gaps may differ; ``…`` stands for anything, and alone on a line
    for any number of lines.
    """
    pattern = ""
    for line in plain(wanted).strip().split("\n"):
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += re.escape(line).replace("…", ".*") + r"\n"
    return re.fullmatch(pattern, plain(got).strip() + "\n") is not None


def plain(text: str) -> str:
    text = re.sub(r"\b[0-9a-f]{8,}(-[0-9a-f]+)*\b", "#", text)
    text = re.sub(r"\d+([.,:]\d+)*", "0", text)
    return re.sub(r"[ \t]+", " ", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))
