"""What is compared at rest, check by check, each with a name of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from tests.chaos import inside, oracle
from tests.chaos.acting import Actor
from tests.chaos.public_files import arrays_of, read_files

CHECKS = {
    "flow": "what happened is over, and all of it mapped, while records keep coming",
    "rows": "every column of the public files is what the sources say, and nothing else is there",
    "vectors": "every stored vector is that of its row's text",
    "points": "every point is where the files' own model puts its vector",
    "model": "the files are of the newest model, and the archive has it",
    "forgotten": "the newest model knows nothing of a source that was forgotten",
    "moments": "the counted moments are those of the stored vectors",
    "dataset": "the dataset holds what the public files hold, and where each record stood",
    "accounts": "every source's account is what its content says, and what the dataset holds",
    "folder": "the public folder holds what is documented, and no rest of anything",
    "streams": "no stream of work keeps what no reader is given, once they are declared again",
    "processes": "no process ended by itself",
    "versions": "every version that was kept shows of each source one content, each row once",
    "fit": "a last fit is the plane of most variance, and moves points as far as it says",
    "kept": "versions and models go when their time is over",
}
PUBLIC = {"logs.parquet", "embeddings.parquet", "store.lance"}
OWN = {
    "models",
    "emptied.jsonl",
    "format.json",
    "history.json",
    "owner.lock",
    "told.json",
    *inside.STAGING,
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as it must be."""

    check: str
    text: str


@dataclass
class Comparison:
    """One collection of a world at rest."""

    actor: Actor
    collection: str
    without: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def _files(self) -> tuple[oracle.Stored, dict[str, Any] | None]:
        return read_files(self.actor.world.output / self.collection)

    @property
    def stored(self) -> oracle.Stored:
        return self._files[0]

    @property
    def records(self) -> int:
        return len(self.stored.rows)

    def deviations(self) -> Iterator[Deviation]:
        """Do every check that is not left out."""
        checks = {
            "rows": self._rows, "vectors": self._vectors, "points": self._points,
            "model": self._model, "forgotten": self._forgotten, "moments": self._moments,
            "dataset": self._dataset, "accounts": self._accounts, "folder": self._folder,
        }  # fmt: skip
        for name, check in checks.items():
            if name in self.without:
                continue
            try:
                for text in check():
                    yield Deviation(name, f"{self.collection}: {text}")
            except (OSError, AssertionError, pa.ArrowException) as error:
                yield Deviation(name, f"{self.collection}: {error!r:.300}")
                return

    def _rows(self) -> Iterator[str]:
        yield from faults_of_subjects(self.actor, self.collection, self.stored)

    def _vectors(self) -> Iterator[str]:
        return oracle.faults_of_vectors(self.stored, self.actor.spaces)

    def _points(self) -> Iterator[str]:
        model = self._files[1]
        if model:
            yield from oracle.faults_of_points(self.stored, *arrays_of(model))

    def _forgotten(self) -> Iterator[str]:
        model = self._files[1]
        if model:
            yield from oracle.faults_of_forgetting(self.stored, *arrays_of(model))

    def _model(self) -> Iterator[str]:
        """Compare the files with what projection made last, and with the archive."""
        world, model = self.actor.world, self._files[1]
        newest = inside.newest_model(world.state, self.collection)
        if not self.records:
            return
        held = model["version"] if model else 0
        if newest != held:
            yield f"the newest model is {newest}, the map is of {held}"
        elif inside.archived(world.output, self.collection).get(held) != model:
            yield f"the archive has another model {held} than the files"

    def _moments(self) -> Iterator[str]:
        counted = inside.counted(self.actor.world.state, self.collection)
        if counted:
            yield from oracle.faults_of_moments(
                self.stored, counted.count, counted.mean, counted.scatter
            )

    def _dataset(self) -> Iterator[str]:
        model = self._files[1]
        rows = inside.table(self.actor.world.output, self.collection)
        yield from oracle.faults_of_dataset(
            self.stored, rows, model["version"] if model else None, self._places()
        )

    def _places(self) -> dict[str, set[tuple[int, int]]]:
        """Return where each record stood in any content of its source: line and offset."""
        places = dict[str, set[tuple[int, int]]]()
        for subject in self.actor.subjects.of(self.collection):
            for content in subject.every_content(self.actor.limit):
                for key, place in content.places.items():
                    places.setdefault(key, set()).add(place)
        return places

    def _accounts(self) -> Iterator[str]:
        rows = self.stored.by_source()
        subjects = {one.name: one for one in self.actor.subjects.of(self.collection)}
        accounts = inside.accounts(self.actor.world.state, self.collection)
        for name, account in accounts.items():
            held = rows.get(name, {})
            if account.seen != account.mapped + account.dead:
                yield f"{name}: the account does not close: {account}"
            if account.mapped != len(held):
                yield f"{name}: {account} has {len(held)} rows"
            elif held and name in subjects:
                contents = subjects[name].every_content(self.actor.limit)
                true = {(one.seen, one.dead) for one in contents if one.rows == held}
                if true and (account.seen, account.dead) not in true:
                    yield f"{name}: {account}, but seen and dead are {sorted(true)}"
        if staged := inside.staged(self.actor.world.output, self.collection):
            yield f"{staged} batches of versions that are not shown wait still"
        if without := rows.keys() - accounts.keys():
            yield f"rows of {sorted(without)[:3]}, of which the ledger knows nothing"

    def _folder(self) -> Iterator[str]:
        folder = self.actor.world.output / self.collection
        if strange := {file.name for file in folder.iterdir()} - PUBLIC - OWN:
            yield f"the folder holds {sorted(strange)[:5]}"
        archived = [file.name for file in (folder / "models").iterdir()]
        if strange := [name for name in archived if not name.removesuffix(".json").isdigit()]:
            yield f"the folder of models holds {sorted(strange)[:5]}"


def faults_of_subjects(
    actor: Actor, collection: str, stored: oracle.Stored, names: set[str] | None = None
) -> Iterator[str]:
    """Compare rows with what the sources may have come to; all of them, or those of some names."""
    subjects = [one for one in actor.subjects.of(collection) if names is None or one.name in names]
    whole = {one.name: one.allowed(actor.limit) for one in subjects if one.is_there}
    gone = {one.name: one.allowed(actor.limit) for one in subjects if not one.is_there}
    for allowed in (whole, gone):
        rows = [row for row in stored.rows if row["filename"] in allowed]
        part = oracle.Stored(rows, stored.vectors[:0], stored.points[:0])
        yield from oracle.faults_of_rows(part, allowed, whole=allowed is whole)
    if strangers := {row["filename"] for row in stored.rows} - whole.keys() - gone.keys():
        yield f"rows of {sorted(strangers)[:3]}, which never were sources"
