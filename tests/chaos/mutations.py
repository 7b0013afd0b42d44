"""Removes one protection at a time from a copy of the program; the harness has to notice each.

``make mutations``, or ``python -m tests.chaos.mutations [NAME ...]``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COPIED = ("services", "shared", "tests", "pyproject.toml")
SEED = 5
PATIENCE_S = 40
"""How long a mutated program may take to come to rest; a sound one needs a few seconds."""

MICRO_BATCHES = "shared/bus/micro_batches.py"
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
        [("shared/bus/publisher.py", "            MESSAGE_ID: message.message_id,\n", "")],
        ["cut writing:after-publish"],
    ),
    Mutation(
        "atomic rename",
        [
            (
                WRITER,
                "            temporary(self._folder / file.name),\n            file.schema",
                "            self._folder / file.name,\n            file.schema",
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
                "            from shared.cut_points import CutPoint, reached\n"
                "            reached(CutPoint.CHECKPOINTED)\n"
                '            await db.execute("BEGIN IMMEDIATE")\n' + INSERT,
            )
        ],
        ["cut projection:after-check"],
    ),
    Mutation(
        "retractions",
        [
            (
                "services/writing/subscribers.py",
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
                "                await shell.announce_pending()\n",
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


def run(mutation: Mutation | None, only: Sequence[str], faults: int) -> dict[str, Any]:
    """Run the harness on a copy of the program, with a mutation or without."""
    folder = Path(tempfile.mkdtemp(prefix="mutation-"))
    started = time.monotonic()
    try:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        for file, old, new in mutation.edits if mutation else ():
            text = (folder / file).read_text()
            if text.count(old) != 1:
                raise SystemExit(f"{mutation}: {file} does not hold this once:\n{old}")
            (folder / file).write_text(text.replace(old, new))
        result = folder / "result.json"
        chosen = [part for one in only for part in ("--only", one)]
        subprocess.run(
            [
                sys.executable, "-m", "tests.chaos", "--seed", str(SEED), "--faults", str(faults),
                "--patience", str(PATIENCE_S), "--json", str(result), *chosen,
            ],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder), "TMPDIR": str(folder)},
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        told = json.loads(result.read_text()) if result.exists() else {}
        problems = told.get("problems", ["the harness itself ended with an error"])
        return {
            "name": mutation.name if mutation else "nothing",
            "faults": told.get("by_fault", {}),
            "caught_by": problems[:3],
            "seconds": round(time.monotonic() - started),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(names: Sequence[str], file: Path | None) -> int:
    chosen = [one for one in MUTATIONS if not names or one.name in names]
    every = sorted({name for one in chosen for name in one.only})
    results = [run(None, every, 2 * len(every))]
    is_sound = not results[0]["caught_by"]
    _say(f"nothing removed: {'sound' if is_sound else results[0]['caught_by']}")
    for mutation in chosen:
        result = run(mutation, mutation.only, mutation.faults)
        results.append(result)
        caught = result["caught_by"]
        _say(f"{mutation.name} removed: {caught[0][:200] if caught else 'SURVIVED'}")
    if file:
        file.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if is_sound and all(one["caught_by"] for one in results[1:]) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; all if none")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results are written")
    return parser.parse_args()


if __name__ == "__main__":
    options = parsed()
    sys.exit(main(options.names, options.json))
