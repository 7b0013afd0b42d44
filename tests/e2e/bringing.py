"""Files that are uploaded and fetched while services are killed, and what has to be shown of them.

Each content has a number, which stands in each of its rows: what is shown of a source tells of
which content it is, and whether it is all of that.
"""

import asyncio
import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import lance

from shared.contracts.fetching import Fetch
from shared.contracts.jobs import JobRecord
from tests.e2e.local_run import PATIENCE_S, LiveRun
from tests.hostile_http import HostileServer, Request, head, hostile
from tests.waiting import until

UPLOADED = tuple(f"uploaded-{number}.csv" for number in range(3))
REMOTE = tuple(f"remote-{number}.csv" for number in range(3))
PIECES = 4


@dataclass
class Bringing:
    """What was brought, and what lies behind URLs."""

    server: HostileServer
    dice: random.Random
    sizes: list[int] = field(default_factory=list)
    """Of each content, how many rows it has."""
    given: dict[str, int] = field(default_factory=dict)
    """Which content each job brings."""
    pending: dict[str, str] = field(default_factory=dict)
    """Jobs that were promised: by their commands."""
    behind: dict[str, int] = field(default_factory=dict)
    """Which content lies behind a URL, by its name."""
    away: set[str] = field(default_factory=set)
    """Behind whose URL there is nothing now."""

    def content(self, number: int) -> bytes:
        rows = (f'"{row}";"{text(number, row)}"' for row in range(self.sizes[number]))
        return "\n".join(('"row";"note"', *rows, "")).encode()

    def new(self) -> int:
        self.sizes.append(self.dice.choice((3, 20, 150, 300)))
        return len(self.sizes) - 1

    async def upload(self, run: LiveRun, *, replaces: bool) -> None:
        """Hand in a file: what is answered is kept."""
        number = self.new()
        name = self.dice.choice(UPLOADED)
        if not replaces and self.dice.random() < 0.5:
            name = f"new-{number}.csv"
        said = {"options": json.dumps({"replace": replaces, "text_columns": ["note"]})}
        await run.http()
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            answer = await http.post(
                "/api/collections/default/sources",
                headers={"x-mapstream-upload": "1"},
                files=[("files", (name, self.content(number)))],
                data=said,
            )
        (file,) = answer.json()["files"]
        if file["state"] == "refused":
            assert (answer.status_code, is_refusal(file["reason"])) == (422, True), file
            return
        assert answer.status_code == 202, file
        self.given[file["job"]] = number
        if file["state"] == "pending":
            self.pending[file["job"]] = file["correlation_id"]

    def next_fetch(self, jobs: Sequence[JobRecord]) -> tuple[Fetch, int]:
        """Choose what is fetched next, and of which content that will be.

        What lies there changes only while nobody is about to fetch it, so that is known.
        """
        name = self.dice.choice(REMOTE)
        of_it = [one for one in jobs if one.kind == "fetch" and one.filename == name]
        is_wanted = any(one.state not in ("succeeded", "cancelled") for one in of_it)
        if not is_wanted:
            if name not in self.behind or self.dice.random() < 0.7:
                self.behind[name] = self.new()
            if self.dice.random() < 0.2:
                self.away.add(name)
        elif self.dice.random() < 0.5:
            self.away.discard(name)
        url = self.server.url(f"/{name}")
        return Fetch(urls=(url,), filename=name, text_columns=("note",)), self.behind[name]

    async def serve(self, asked: Request, out: asyncio.StreamWriter) -> None:
        """Answer slowly, so that a courier may be killed on its way."""
        name = asked.path.removeprefix("/")
        if name in self.away:
            out.write(head(404, 0))
            return
        number = self.behind[name]
        tag, body = f'"{number}"', self.content(number)
        if asked.headers.get("if-none-match") == tag:
            out.write(head(304))
            return
        out.write(head(200, len(body), ETag=tag))
        step = -(-len(body) // PIECES)
        for at in range(0, len(body), step):
            out.write(body[at : at + step])
            await out.drain()
            await asyncio.sleep(0.05)

    def shown(self, told: Iterable[JobRecord]) -> dict[str, list[int | None]]:
        """Say what of each file has been shown, one after the other: as its jobs have ended."""
        found = defaultdict[str, list[int | None]](lambda: [None])
        for job in told:
            if job.state == "succeeded" and job.kind in ("upload", "fetch", "delete"):
                number = self.given[job.id] if job.kind != "delete" else None
                if found[job.filename][-1] != number:
                    found[job.filename].append(number)
        return {name: one for name, one in found.items() if name.endswith(".csv")}

    def mapped(self, told: Iterable[JobRecord]) -> int:
        """Count the rows that are to be on the map in the end."""
        last = (one[-1] for one in self.shown(told).values())
        return sum(self.sizes[number] for number in last if number is not None)

    async def check_kept(self, run: LiveRun, told: Sequence[JobRecord]) -> None:
        """What was promised is there; bytes are kept of what is shown, and of nothing else."""
        known = {one.id for one in told}
        await run.http()
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            for job, command in self.pending.items():
                if job not in known:
                    done = (await http.get(f"/operations/{command}")).json()
                    assert is_refusal(done["reason"]), done
        lost = self.given.keys() - self.pending.keys() - known
        assert not lost, lost
        last = {name: one[-1] for name, one in self.shown(told).items()}
        contents = {name: self.content(one) for name, one in last.items() if one is not None}
        hashes = {name: hashlib.sha256(one).hexdigest() for name, one in contents.items()}
        uploaded = sorted(one for name, one in hashes.items() if name not in REMOTE)
        remote = {one for name, one in hashes.items() if name in REMOTE}
        folder = run.output / "state" / "blobs"
        fetched = {one.id for one in told if one.kind == "fetch"}

        def is_kept() -> bool:
            """Tell it, but for what couriers have left that were killed: it goes after a day."""
            found = notes(folder)
            by_couriers = {sha256 for sha256, job in found if job in fetched}
            by_people = sorted(sha256 for sha256, job in found if job not in fetched)
            return by_people == uploaded and remote <= by_couriers

        await until(is_kept)
        known_by = {sha256 for sha256, _ in notes(folder)}
        for one in files(folder):
            is_part = one.parent.name == "incoming" and one.name.partition("-")[0] in fetched
            assert is_part or one.name.partition(".")[0] in known_by, one
        for name, sha256 in hashes.items():
            assert (folder / sha256[:2] / sha256).read_bytes() == contents[name]


def text(number: int, row: int) -> str:
    """Write one without a space, which the reader might take for what parts columns."""
    return f"content{number}/{row}"


def is_refusal(reason: str | None) -> bool:
    """Tell whether it is one for a source that has a job; asked again, its bytes have gone."""
    return "has '" in (reason or "") or "upload it again" in (reason or "")


def number_of(said: str) -> int:
    return int(said.partition("/")[0].removeprefix("content"))


def files(folder: Path) -> Iterator[Path]:
    return (one for one in folder.rglob("*") if one.is_file())


def notes(folder: Path) -> list[tuple[str, str]]:
    """List hash and job of what is kept."""
    names = (one.name for one in files(folder) if one.name.endswith(".meta.json"))
    parts = [name.split(".") for name in names]
    return [(one[0], one[1]) for one in parts]


@asynccontextmanager
async def bringing(seed: int) -> AsyncIterator[Bringing]:
    async with hostile() as server:
        dice = random.Random(seed + 1)  # noqa: S311  no secret
        found = Bringing(server, dice)
        server.replies |= {f"/{name}": found.serve for name in REMOTE}
        yield found


def check_brought(table: Path, first: int, brought: Bringing, told: Sequence[JobRecord]) -> None:
    """In every version of the dataset each file is whole, of one content after the other.

    Only of a file that was not on the map the rows are seen as they come, and those of a job that
    is cancelled then go again.
    """
    shown, found = brought.shown(told), defaultdict[str, list[int | None]](lambda: [None])
    last = lance.dataset(str(table)).version
    for version in range(first, last + 1):
        texts = texts_of(table, version)
        for name in texts.keys() | found.keys():
            numbers = {number_of(one) for one in texts.get(name, ())}
            assert len(numbers) <= 1, (version, name, numbers)
            number = next(iter(numbers), None)
            if number is not None:
                whole = {text(number, row) for row in range(brought.sizes[number])}
                seen = Counter(texts[name])
                assert seen <= Counter(whole), (version, name, number)
                is_coming = found[name][-1] is None and version < last
                is_whole = len(texts[name]) == len(whole)
                assert is_whole or is_coming, (version, name, number, len(texts[name]))
                if is_coming and (not is_whole or number not in shown.get(name, ())):
                    continue
            if found[name][-1] != number:
                found[name].append(number)
    assert {name: one for name, one in found.items() if len(one) > 1} == {
        name: one for name, one in shown.items() if len(one) > 1
    }


def texts_of(table: Path, version: int) -> dict[str, list[str]]:
    """Return what each brought file shows in a version of the dataset, of one version of it."""
    columns = ["filename", "source_version", "text"]
    rows = lance.dataset(str(table), version=version).to_table(
        columns, filter="filename LIKE '%.csv'"
    )
    texts, versions = defaultdict[str, list[str]](list), defaultdict[str, set[int]](set)
    for row in rows.to_pylist():
        texts[row["filename"]].append(row["text"])
        versions[row["filename"]].add(row["source_version"])
    assert all(len(one) == 1 for one in versions.values()), (version, versions)
    return dict(texts)
