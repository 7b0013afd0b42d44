"""Makes a copy of the program wrong in one place at a time; somebody has to notice each time.

``make mutations``, or ``python -m tests.chaos.mutations [NAME ...]``. A *protection* that is
removed is for the fault harness to notice; the wrong programs of ``mutants.toml`` are for the unit
and contract tests that stand beside them there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COPIED = ("services", "shared", "tests", "deploy", "pyproject.toml")
SEED = 5
PATIENCE_S = 40
"""How long a mutated program may take to come to rest; a sound one needs a few seconds."""

MICRO_BATCHES = "shared/bus/consuming/micro_batches.py"
HANDLE = "            await self.settler.publisher.publish_all(await self.handle(decoded))\n"
ACK_FIRST = """\
            if self.durable.service == "{service}":
                for raw in raws:
                    await raw.ack()
"""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A protection, how it is removed, and the faults that need it."""

    name: str
    edits: Sequence[tuple[str, str, str]]
    """File, what stands there, and what stands there instead."""
    only: Sequence[str]
    faults: int = 8


def _acks_first(service: str) -> tuple[str, str, str]:
    return MICRO_BATCHES, HANDLE, ACK_FIRST.format(service=service) + HANDLE


WRITER = "services/writing/adapters/parquet_output_writer.py"
INSERT = '            await db.executemany(\n                "INSERT INTO batches VALUES'
MUTATIONS = (
    Mutation("ack after checkpoint", [_acks_first("projection")], ["cut projection:after-check"]),
    Mutation("ack after commit", [_acks_first("writing")], ["cut writing:after-retraction"]),
    Mutation(
        "ack after publish",
        [_acks_first("embedding")],
        ["kill embedding", "answer 503"],
    ),
    Mutation(
        "batch ids in the store",
        [
            (
                "services/writing/domain/micro_batch.py",
                (
                    "elif key in seen or (held and held.batches.get(piece.batch_id) == "
                    "piece.source_version):"
                ),
                "elif key in seen:",
            )
        ],
        ["cut writing:after-commit"],
    ),
    Mutation(
        "batch ids in the moments",
        [
            (
                "services/projection/handlers/project.py",
                (
                    "known = await store.known(state.collection, "
                    "[b.descriptor.batch_id for b in usable])"
                ),
                "known = {}",
            )
        ],
        ["cut projection:after-check"],
    ),
    Mutation(
        "message id on publish",
        [
            (
                "shared/bus/publishing/publisher.py",
                "            MESSAGE_ID: message.message_id,\n",
                "",
            )
        ],
        ["cut writing:after-publish"],
    ),
    Mutation(
        "atomic rename",
        [
            (
                WRITER,
                "plain_path(temporary(self._folder / file.name)),\n            file.schema",
                "plain_path(self._folder / file.name),\n            file.schema",
            ),
            (WRITER, "put_in_place(temporary(path), path)", "sync(path)"),
        ],
        ["cut writing:in-snapshot"],
    ),
    Mutation(
        "moments and batch ids in one transaction",
        [
            (
                "services/projection/adapters/sqlite_projection_store.py",
                INSERT,
                '            await db.execute("COMMIT")\n'
                "            from shared.failpoints import Failpoint, reached\n"
                "            reached(Failpoint.CHECKPOINTED)\n"
                '            await db.execute("BEGIN IMMEDIATE")\n' + INSERT,
            )
        ],
        ["cut projection:after-check"],
    ),
    Mutation(
        "retractions",
        [
            (
                "services/writing/handlers/writer.py",
                "await self._handover.deliver(self._retractions(plan))",
                "pass",
            )
        ],
        ["source change", "command forget"],
    ),
    Mutation(
        "models are announced again after a crash",
        [
            (
                "services/projection/app.py",
                "                await bus.publisher.publish_steps(projector.resume())\n",
                "",
            )
        ],
        ["cut projection:after-model"],
    ),
    Mutation(
        "one owner of a folder",
        [("shared/locking.py", "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass")],
        ["second-copy projection"],
        4,
    ),
    Mutation(
        "dead letters",
        [
            (
                "services/embedding/subscribers.py",
                "            *map(outgoing_dead_letter, dead),\n",
                "",
            )
        ],
        ["source poison"],
    ),
    Mutation(
        "the canary",
        [
            (
                "services/embedding/handlers.py",
                "    refused: TextsRejected | None = fault\n",
                (
                    "    work.faults[position] = str(fault)\n    return\n"
                    "    refused: TextsRejected | None = fault\n"
                ),
            )
        ],
        ["answer 500", "answer 400", "answer nan"],
    ),
    Mutation(
        "one dimension per collection",
        [
            (
                "services/embedding/handlers.py",
                "    if vectors.shape[1] != known:",
                "    if False:",
            )
        ],
        ["answer wrong-dimension"],
    ),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one place, and the tests that fail then."""

    name: str
    edit: tuple[str, str, str]
    """File, what stands there, and what stands there instead."""
    tests: Sequence[str]


def mutants() -> list[Mutant]:
    """Read the wrong programs that tests have to notice."""
    document = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text())
    return [
        Mutant(one["name"], (file["path"], one["old"], one["new"]), file["tests"])
        for file in document["file"]
        for one in file["mutants"]
    ]


@contextmanager
def _copy_with(edits: Sequence[tuple[str, str, str]]) -> Iterator[Path]:
    """Copy the program to a folder of its own, and edit it there."""
    folder = Path(tempfile.mkdtemp(prefix="mutation-"))
    folder.chmod(0o755)  # a test goes on as somebody else
    try:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        for file, old, new in edits:
            text = (folder / file).read_text()
            if text.count(old) != 1:
                raise SystemExit(f"{file} does not hold this once:\n{old}")
            (folder / file).write_text(text.replace(old, new))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "TMPDIR": str(folder), "CI": "true"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def run(mutation: Mutation | None, only: Sequence[str], faults: int) -> dict[str, Any]:
    """Run the fault harness on a copy of the program, with a mutation or without."""
    started = time.monotonic()
    with _copy_with(mutation.edits if mutation else ()) as folder:
        result = folder / "result.json"
        chosen = [part for one in only for part in ("--only", one)]
        _in(
            folder, "tests.chaos", "--seed", str(SEED), "--faults", str(faults),
            "--patience", str(PATIENCE_S), "--json", str(result), *chosen,
        )  # fmt: skip
        told = json.loads(result.read_text()) if result.exists() else {}
    problems = told.get("problems", ["the harness itself ended with an error"])
    return {
        "name": mutation.name if mutation else "nothing",
        "faults": told.get("by_fault", {}),
        "caught_by": problems[:3],
        "seconds": round(time.monotonic() - started),
    }


def run_tests(mutant: Mutant | None, tests: Sequence[str]) -> dict[str, Any]:
    """Run tests on a copy of the program, with a change or without."""
    started = time.monotonic()
    with _copy_with([mutant.edit] if mutant else ()) as folder:
        told = _in(folder, "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests)
    failed = [line for line in told.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {
        "name": mutant.name if mutant else "nothing",
        "tests": list(tests),
        "caught_by": (failed or ["pytest ended with an error"])[:1] if told.returncode else [],
        "seconds": round(time.monotonic() - started),
    }


def main(options: argparse.Namespace) -> int:
    """Try what is chosen; returns 1 if anything was not noticed, or is wrong unchanged."""
    step = 10 if options.quick else 1
    removed = [one for one in MUTATIONS if _is_chosen(one.name, options)][::step]
    changed = [one for one in mutants() if _is_chosen(one.name, options)][::step]
    if options.list:
        for one in (*removed, *changed):
            by = ", ".join(one.only if isinstance(one, Mutation) else one.tests)
            sys.stdout.write(f"{one.name}: {by}\n")
        return 0
    results = []
    if changed:
        results.append(run_tests(None, sorted({test for one in changed for test in one.tests})))
    if removed:
        every = sorted({name for one in removed for name in one.only})
        results.append(run(None, every, 2 * len(every)))
    is_sound = not any(one["caught_by"] for one in results)
    _say("nothing changed: " + ("sound" if is_sound else f"{results}"))
    tried = [_told(run_tests(one, one.tests)) for one in changed]
    tried += [_told(run(one, one.only, one.faults)) for one in removed]
    if options.json:
        options.json.write_text(json.dumps(results + tried, indent=2) + "\n")
    return 0 if is_sound and all(one["caught_by"] for one in tried) else 1


def _is_chosen(name: str, options: argparse.Namespace) -> bool:
    return not options.names or name in options.names


def _told(result: dict[str, Any]) -> dict[str, Any]:
    caught = result["caught_by"]
    _say(f"{result['name']}: {caught[0][:200] if caught else 'SURVIVED'}")
    return result


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; all if none")
    parser.add_argument("--list", action="store_true", help="name them, and who has to notice")
    parser.add_argument("--quick", action="store_true", help="one in ten")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(parsed()))
