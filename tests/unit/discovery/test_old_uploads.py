"""Uploads and fetches of an earlier program, which had no jobs for uploads, are gone on with.

``uploads-11.json`` was written by it, while some were being read and others waited.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.sqlite_state_store_schema import FILENAME
from services.discovery.domain.ledger import Commit
from tests.blobs import put
from tests.unit.discovery.file_world import CSV, World

LEDGER = Path(__file__).parents[2] / "data" / "ledgers" / "uploads-11.json"
MORE = CSV + b"Lise,third\n"
SHOWN = {
    "a.csv": 2, "begun.csv": 3, "known.csv": 3, "replaced.csv": 3, "unread.csv": 2,
    "unread.txt.csv": 3,
}  # fmt: skip


async def test_what_an_earlier_program_had_under_way_is_shown(tmp_path: Path) -> None:
    old = json.loads(LEDGER.read_text(encoding="utf-8"))
    (tmp_path / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "state" / FILENAME)) as db:
        db.executescript("\n".join(old["ledger"]))
    async with SqliteStateStore.open(tmp_path / "state") as store:
        world = World(tmp_path, store)
        for note, content in old["blobs"]:
            put(world.blobs, content.encode(), note)
        await world.uploads.load()
        sent = {one.filename: one for one in await store.list_sources() if one.in_flight}
        assert sorted(sent) == ["begun.csv", "known.csv", "replaced.csv"]

        for name, one in sent.items():
            version, key = one.source_version, one.source_id
            batch = Commit(f"{key}:{version}", key, version, one.seen)
            if name == "known.csv":
                world.coming = [batch]
                await world.arrive()
            else:
                await world.commit(batch)
        await world.look()
        await world.look()

        rows = await world.rows()
        assert {name: one.mapped for name, one in rows.items()} == SHOWN
        assert {one.status for one in rows.values()} == {"completed"}
        assert {name for name, one in rows.items() if one.kind == "url"} == {
            "known.csv", "unread.csv",
        }  # fmt: skip
        states = {}
        for name, job in old["jobs"].items():
            found = await store.find_job(job)
            states[name] = found and found[0].job.state
        assert states == {"renewed": "succeeded", "unread": "succeeded", "waits": "running"}
        assert world.kept() == sorted([CSV, MORE, CSV + b"x,y\n"])
        assert await world.look() == []
