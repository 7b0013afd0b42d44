"""Waits until all is quiet, and then compares everything with everything, from the outside."""

import asyncio
import re
from dataclasses import dataclass, field

import numpy as np

from services.cli.commands.watcher import Watcher
from services.cli.handlers.figures import Figures
from tests.chaos import facts
from tests.chaos.inputs import POISON, Held, Inputs
from tests.chaos.nap import Nap
from tests.chaos.reader import Reader, faults_of_file, faults_of_pair, model_of, read, vectors_in
from tests.chaos.world import World

QUIET_PATIENCE_S = 300.0
MOMENTS_TOLERANCE = 1e-8
OUTAGE = re.compile(
    r'"error": "(TransientError|BusAway|DiskFullError|EmbedderUnavailableError|StaleModelError)'
)
OMENS = re.compile(r"sources\.lost_on_the_bus|micro_batch\.divided|Traceback")
"""What no service may say: batches are never lost here, so nothing is to be sent again, and an
error that nobody foresaw is a defect even if a repetition mends it."""


def is_omen(line: str) -> bool:
    """Tell whether a line of a log should not be there."""
    return bool(OMENS.search(line)) and not OUTAGE.search(line)


class UnquietError(AssertionError):
    """The system did not come to rest with what the inputs hold."""


@dataclass(slots=True)
class Checker:
    """Checks one world."""

    world: World
    inputs: Inputs
    reader: Reader
    listener: facts.Listener
    patience_s: float = QUIET_PATIENCE_S
    nap: Nap | None = None
    figures: Figures = field(default_factory=Figures)
    """What the services told when all was quiet."""
    records: int = 0
    checks: int = 0
    _read_to: dict[str, int] = field(default_factory=dict)

    async def settle(self) -> None:
        """Wait until nothing is on its way and two looks in a row are the same.

        Raises:
            UnquietError: It takes too long; says how things stand.
        """
        watcher = Watcher(self.world.client, "default")
        before, state = None, "nobody answered"
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    figures = await watcher.look(is_patient=True)
                    is_quiet, state = self._is_quiet(figures)
                    now = (
                        figures.model.version,
                        figures.dataset.dataset_version,
                        figures.dataset.rows,
                    )
                    self.figures = figures
                    if is_quiet and now == before:
                        return
                    before = now if is_quiet else None
                    await asyncio.sleep(0.4)
        except TimeoutError:
            raise UnquietError(f"not at rest after {self.patience_s:.0f} s: {state}") from None

    def _is_quiet(self, figures: Figures) -> tuple[bool, str]:
        expected = self.inputs.expected().values()
        seen = sum(len(held.texts) + held.bad_lines for held in expected)
        dead = sum(len(held.poisoned) + held.bad_lines for held in expected)
        kept = facts.moments(self.world)
        owes = kept is not None and kept.owes_refit
        is_right = (figures.ledger.records.seen, figures.ledger.records.dead) == (seen, dead)
        state = f"{seen} records expected, {dead} of them dead; refit owed: {owes}; {figures}"
        return figures.is_drained and figures.is_published and is_right and not owes, state

    async def check(self, *, is_last: bool) -> list[str]:
        """Compare; returns what is wrong."""
        self.checks += 1
        expected = self.inputs.expected()
        await self.listener.catch_up()
        problems = [
            *self._dead_letters(expected),
            *await asyncio.to_thread(self._files, expected),
            *self._ledger(expected),
            *await self._status(expected, is_last=is_last),
            *(f"the stream got it twice: {text}" for text in self.listener.twice),
            *self._announcements(),
            *self.reader.faults,
            *self.world.surprises(),
            *self.omens(),
            *(await self.nap.problems(self.patience_s) if self.nap else ()),
        ]
        self.records = sum(len(held.texts) for held in expected.values())
        return problems

    def _dead_letters(self, expected: dict[str, Held]) -> list[str]:
        """Nothing is dead but the lines and texts that were made unusable on purpose."""
        problems = []
        told = {}
        for letter in self.listener.dead:
            is_bad_line = letter.stage == "discovery"
            is_poison = letter.stage == "embedding" and POISON.encode() in letter.body
            if not is_bad_line and not is_poison:
                where = f"{letter.filename}:{letter.line}"
                problems.append(f"buried for nothing by {letter.stage}: {where}: {letter.reason}")
            told[letter.record_id] = letter
        for name, held in expected.items():
            problems += [f"no dead letter of {name}" for key in held.poisoned if key not in told]
        return problems

    def _announcements(self) -> list[str]:
        """Every model that was ever made was told to the public, whatever crashed meanwhile."""
        untold = facts.models(self.world) - self.listener.models
        return [f"the models {untold} were never announced"] if untold else []

    def _files(self, expected: dict[str, Held]) -> list[str]:
        logs = read(self.world.public / "logs.parquet")
        vectors = read(self.world.public / "embeddings.parquet")
        problems = [*faults_of_file(logs, "logs.parquet"), *faults_of_pair(logs, vectors)]
        wanted = {
            key: text
            for held in expected.values()
            for key, text in held.texts.items()
            if key not in held.poisoned
        }
        found = dict(zip(logs["id"].to_pylist(), logs["text"].to_pylist(), strict=True))
        if lost := wanted.keys() - found.keys():
            problems.append(f"{len(lost)} records are lost")
        if extra := found.keys() - wanted.keys():
            problems.append(f"{len(extra)} records should not be there")
        if old := [key for key in wanted.keys() & found.keys() if wanted[key] != found[key]]:
            problems.append(f"{len(old)} records have an old text")
        stored, versions = facts.store(self.world)
        if sorted(stored) != sorted(found):
            problems.append(f"the store has {len(stored)} rows, the files {len(found)}")
        model = model_of(logs)
        if found and versions != {model.version if model else None}:
            problems.append(f"coordinates in the store are of the models {versions}")
        return problems + self._moments(vectors_in(vectors) if len(vectors) else None)

    def _moments(self, vectors: np.ndarray | None) -> list[str]:
        kept = facts.moments(self.world)
        if kept is None or vectors is None:
            return []
        if kept.count != len(vectors):
            return [f"{kept.count} vectors are counted, {len(vectors)} are stored"]
        wide = vectors.astype(np.float64)
        mean = wide.mean(axis=0)
        wide -= mean
        pairs = {"mean": (kept.mean, mean), "scatter": (kept.scatter, wide.T @ wide)}
        return [
            f"the {name} of the moments is not that of the stored vectors"
            for name, (found, wanted) in pairs.items()
            if np.abs(found - wanted).max() > MOMENTS_TOLERANCE * np.abs(wanted).max()
        ]

    def _ledger(self, expected: dict[str, Held]) -> list[str]:
        problems = []
        accounts = facts.ledger(self.world)
        for name, held in expected.items():
            account = accounts.get(name)
            dead = len(held.poisoned) + held.bad_lines
            wanted = (len(held.texts) + held.bad_lines, len(held.texts) - len(held.poisoned), dead)
            if account is None:
                problems.append(f"{name} is not in the ledger")
                continue
            found = (account["seen"], account["mapped"], account["dead"])
            if found != wanted:
                problems.append(f"{name}: seen, mapped, dead are {found}, not {wanted}")
            event = self.listener.completed.get(name, {})
            if found != tuple(event.get(key) for key in ("seen", "mapped", "dead")):
                problems.append(f"{name}: source.completed says {event}, the ledger {account}")
        return problems + [
            f"{name} is {accounts[name]['status']}, not forgotten"
            for name in self.inputs.forgotten & accounts.keys()
            if accounts[name]["status"] != "forgotten"
        ]

    async def _status(self, expected: dict[str, Held], *, is_last: bool) -> list[str]:
        """Compare what the services tell; in the end it is ``mapstream status --json`` itself."""
        told = await facts.status(self.world) if is_last else self.figures.report()
        records = told.get("records", {})
        seen, dead = records.get("seen"), records.get("dead")
        mapped, in_flight = records.get("mapped"), records.get("in_flight")
        wanted = sum(len(held.texts) + held.bad_lines for held in expected.values())
        problems = []
        if seen != wanted or in_flight != 0 or seen != mapped + dead + in_flight:
            problems.append(f"the ledger does not close: {records}, {wanted} expected")
        model, dataset = told.get("model", {}), told.get("dataset", {})
        if model.get("version") != dataset.get("model_version"):
            problems.append(f"model {model.get('version')}, map of {dataset}")
        if model.get("records") != dataset.get("rows"):
            problems.append(f"{model.get('records')} counted, {dataset.get('rows')} stored")
        return problems

    def omens(self) -> list[str]:
        """Return what services said since the last look that none should ever say."""
        found = []
        for file in sorted((self.world.folder / "logs").glob("*.log")):
            with file.open("rb") as opened:
                opened.seek(self._read_to.get(file.name, 0))
                text = opened.read()
                self._read_to[file.name] = opened.tell()
            lines = text.decode(errors="replace").splitlines()
            found += [f"{file.stem} said: {line[:600]}" for line in lines if is_omen(line)]
        return found[:5]
