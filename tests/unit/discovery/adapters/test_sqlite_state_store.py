import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_presence_store import UNREMARKABLE
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.sqlite_state_store_schema import FILENAME
from services.discovery.domain.ledger import Commit, Death, needs_look
from services.discovery.domain.segments import ContentHash, Segment
from services.discovery.handlers.collections import Collections
from shared.contracts.collections import CollectionRecord, SourceFolder
from shared.errors import ConfigurationError, TransientError
from shared.sqlite_state import StateFormat, open_blocking
from tests.unit.discovery.builders import END, NOW, RULES, FrozenClock, stat

A = stat("a.jsonl")
FORMAT_3 = Path(__file__).with_name("ledger_3.sql")
"""The tables of the first release, as they were."""
FORMAT_5 = Path(__file__).with_name("ledger_5.sql")
"""Those of the last one before it was noted how a version is cut."""
FORMAT_6 = Path(__file__).with_name("ledger_6.sql")
"""Those of the last one before it was noted when a segment was found."""

OLD_RECORDS = """
CREATE TABLE collections (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
    description TEXT NOT NULL, kind TEXT NOT NULL, origin TEXT NOT NULL, state TEXT NOT NULL,
    revision INTEGER NOT NULL, created_at TEXT NOT NULL, told_revision INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO collections VALUES
    ('1', 'default', 'D', '', 'logs', 'configuration', 'active', 3, '2026-01-31T09:00:00Z', 3);
"""


async def opening(folder: Path) -> None:
    async with SqliteStateStore.open(folder):
        pass


async def test_the_ledger_is_there_after_a_restart(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path / "new" / "state") as store:
        await store.begin_version(A, ContentHash("f"), RULES, NOW)
        await store.record_batch("b0", A.source_id, 1, 3)

    async with SqliteStateStore.open(tmp_path / "new" / "state") as store:
        assert (await store.begin_version(A, ContentHash("f"), RULES, NOW)).number == 1
        assert (await store.totals("default")).in_flight == 3


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "discovery.sqlite").write_bytes(b"no database" * 100)

    with pytest.raises(ConfigurationError, match=r"discovery\.sqlite cannot be used"):
        await opening(tmp_path)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match=r"state\.folder"):
        await opening(tmp_path / "file" / "state")


async def test_commits_are_durable(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        settings = [
            store._rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")
        ]

    assert settings == ["wal", 2]


async def test_a_transaction_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        await store.begin_version(A, ContentHash("f"), RULES, NOW)
        commits = [Commit("b0", A.source_id, 1, 3), Commit("b1", A.source_id, 1, 2**70)]
        with pytest.raises((TransientError, OverflowError)):
            await store.apply_committed(commits, NOW)

        assert (await store.totals("default")).seen == 0
        await store.record_batch("b0", A.source_id, 1, 1)


async def test_settled_batches_are_forgotten_at_completion(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        await store.begin_version(A, ContentHash("f"), RULES, NOW)
        for number in range(3):
            await store.record_batch(f"b{number}", A.source_id, 1, 1)
            await store.apply_committed([Commit(f"b{number}", A.source_id, 1, 1)], NOW)
        await store.finish_reading(A.source_id, 1, END, NOW)

        assert store._rows("SELECT count(*) FROM batches")[0][0] == 0


async def test_the_totals_are_those_of_the_rows_before_and_after_a_restart(tmp_path: Path) -> None:
    """They are not counted when they are asked for, so they could drift away."""
    folder = tmp_path / "ledger"
    async with SqliteStateStore.open(folder) as store:
        for number in range(6):
            one = stat(f"{number}.jsonl", collection="other" if number == 5 else "default")
            await store.begin_version(one, ContentHash("f"), RULES, NOW)
            await store.record_batch(f"b{number}", one.source_id, 1, 10)
            await store.finish_reading(one.source_id, 1, END, NOW)
            if number % 2:
                await store.apply_committed([Commit(f"b{number}", one.source_id, 1, 7)], NOW)
                await store.apply_deaths(
                    [Death(f"d{number}", one.source_id, 1, f"b{number}", 3)], NOW
                )
        await store.note_incomplete(stat("waits.jsonl"), "no_final_answer", NOW)
        await store.fail(stat("4.jsonl"), "no", NOW)
        await store.begin_version(stat("0.jsonl"), ContentHash("f2"), RULES, NOW)
        await store.forget_missing("default", frozenset())
        kept = [await store.totals(name) for name in ("default", "other")]
        await store.record_batch("undone", A.source_id, 1, 2)
        with pytest.raises(OverflowError):
            await store.record_batch("undone", stat("2.jsonl").source_id, 1, 2**70)
        assert [await store.totals(name) for name in ("default", "other")] == kept

    async with SqliteStateStore.open(folder) as store:
        assert [await store.totals(name) for name in ("default", "other")] == kept
    first, second = kept
    assert (first.seen, first.mapped, first.dead, first.in_flight) == (40, 14, 6, 20)
    assert (second.seen, second.mapped, second.dead, second.in_flight) == (10, 7, 3, 0)
    assert {name: count for name, count in first.sources.items() if count} == {
        "reading": 1,
        "dispatched": 1,
        "completed": 2,
        "failed": 1,
    }


async def test_a_ledger_of_the_format_before_is_read_on(tmp_path: Path) -> None:
    """What it knows stays known: nothing is read or embedded again for an upgrade."""
    old = StateFormat("discovery", 3, FORMAT_3.read_text(encoding="utf-8"))
    connection = await open_blocking(tmp_path / FILENAME, old)
    connection.execute(
        "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,"
        " source_version, fingerprint, seen, mapped, is_read, is_announced, discovered_at,"
        " completed_at) VALUES (?, 'default', 'a.jsonl', '/root/a.jsonl', 10, 1, 'completed', 1,"
        " 'f', 3, 3, 1, 1, ?, ?)",
        (A.source_id, NOW.isoformat(), NOW.isoformat()),
    )
    connection.execute(
        "INSERT INTO dead_letters VALUES ('discovery:1', ?, NULL, 1, 40, 9, 'dead', NULL, NULL)",
        (A.source_id,),
    )
    connection.commit()
    connection.close()

    async with SqliteStateStore.open(tmp_path) as store:
        (row,) = await store.list_sources()
        (letter,) = await store.unreadable(A.source_id)
        totals = await store.totals("default")
        await Collections(store, FrozenClock()).record(["default"])
        (collection,) = await store.list_collections("", 9)

    assert (collection.name, collection.created_at) == ("default", NOW)
    assert (row.status, row.mapped, row.signature) == ("completed", 3, (10, 1))
    assert (row.inode, row.ctime_ns, row.gone_at, row.is_presence_told) == (None, None, None, True)
    assert totals.mapped == 3
    assert letter.stretches == [(40, 49)]
    assert not needs_look(row, A)


@pytest.mark.parametrize(("is_read", "expected"), [(True, 7), (False, 8)])
async def test_what_nobody_knows_how_it_was_cut_is_read_anew_unless_it_is_read_to_its_end(
    tmp_path: Path, is_read: bool, expected: int
) -> None:
    """Some of its batches are on the map: to go on by another limit would mix two readings."""
    old = StateFormat("discovery", 5, FORMAT_5.read_text(encoding="utf-8"))
    connection = await open_blocking(tmp_path / FILENAME, old)
    connection.execute(
        "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,"
        " source_version, fingerprint, seen, mapped, dead, is_read, discovered_at)"
        " VALUES (?, 'default', 'a.jsonl', '/root/a.jsonl', 10, 1, ?, 7, 'f', 5, 3, 1, ?, ?)",
        (A.source_id, "dispatched" if is_read else "reading", is_read, NOW.isoformat()),
    )
    connection.execute("INSERT INTO batches VALUES ('b0', ?, 4, 3, 0, 1, 0, 0)", (A.source_id,))
    connection.close()

    async with SqliteStateStore.open(tmp_path) as store:
        begun = await store.begin_version(A, ContentHash("f"), RULES, NOW)
        totals = await store.totals("default")

    assert (begun.number, begun.rules) == (expected, RULES)
    assert (totals.seen, totals.mapped, totals.dead, totals.in_flight) == (
        (5, 3, 1, 1) if is_read else (0, 0, 0, 0)
    )


async def test_what_a_look_has_found_is_looked_up_one_by_one(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / FILENAME)) as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {UNREMARKABLE}", ("[]", ""))]

    assert [step.split(" (")[0] for step in plan] == [
        "SCAN found VIRTUAL TABLE INDEX 1:",
        "SEARCH sources USING PRIMARY KEY",
    ]


async def test_what_was_found_before_arrived_when_its_source_did(tmp_path: Path) -> None:
    old = StateFormat("discovery", 6, FORMAT_6.read_text(encoding="utf-8"))
    connection = await open_blocking(tmp_path / FILENAME, old)
    connection.execute(
        "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,"
        " source_version, fingerprint, rules, content_size, discovered_at)"
        " VALUES (?, 'default', 'a.jsonl', '/root/a.jsonl', 10, 1, 'reading', 1, 'f', ?, 10, ?)",
        (A.source_id, RULES.spell(), NOW.isoformat()),
    )
    connection.execute(
        "INSERT INTO segments (source_id, number, size, fingerprint, digest)"
        " VALUES (?, 0, 10, 'f', 'f')",
        (A.source_id,),
    )
    connection.close()

    for _ in range(2):
        async with SqliteStateStore.open(tmp_path) as store:
            later = NOW + timedelta(hours=1)
            begun = await store.begin_version(A, ContentHash("f"), RULES, later)
            assert begun.segments == (Segment(0, 10, "f", "f", NOW),)


async def test_a_ledger_from_before_versions_were_shown_whole_goes_on(tmp_path: Path) -> None:
    """What is in flight when the program changes is settled in the old way or the new one."""
    old = StateFormat("discovery", 6, FORMAT_6.read_text(encoding="utf-8"))
    connection = await open_blocking(tmp_path / FILENAME, old)
    connection.execute(
        "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,"
        " source_version, fingerprint, seen, mapped, dead, is_read, discovered_at, rules,"
        " content_size) VALUES (?, 'default', 'a.jsonl', '/root/a.jsonl', 10, 1, 'dispatched', 2,"
        " 'f', 5, 2, 0, 1, ?, ?, 10)",
        (A.source_id, NOW.isoformat(), RULES.spell()),
    )
    connection.execute("INSERT INTO batches VALUES ('b0', ?, 2, 2, 0, 1, 1, 1)", (A.source_id,))
    connection.execute("INSERT INTO batches VALUES ('b1', ?, 3, 0, 0, 1, 0, 0)", (A.source_id,))
    connection.close()

    async with SqliteStateStore.open(tmp_path) as store:
        before = await store.totals("default")
        staged = await store.apply_committed(
            [Commit("b1", A.source_id, 2, 3, is_staged=True)], NOW
        )
        waiting = await store.totals("default")
        shown = [
            Commit("b1", A.source_id, 2, 3),
            Commit(staged[0].showing_batch_id, A.source_id, 2, 0),
        ]
        (row,) = await store.apply_committed(shown, NOW)

    assert (before.mapped, before.in_flight) == (2, 3)
    assert (staged[0].is_showing, staged[0].staged, staged[0].in_flight) == (True, 3, 0)
    assert (waiting.mapped, waiting.in_flight) == (2, 3)
    assert (row.status, row.mapped, row.staged, row.is_showing) == ("completed", 5, 0, False)


@pytest.mark.parametrize("has_records", [True, False])
async def test_a_ledger_from_before_collections_were_made_by_command_goes_on(
    tmp_path: Path, has_records: bool
) -> None:
    old = StateFormat("discovery", 6, FORMAT_6.read_text(encoding="utf-8"))
    connection = await open_blocking(tmp_path / FILENAME, old)
    if has_records:
        connection.executescript(OLD_RECORDS)
    connection.close()

    for _ in range(2):
        async with SqliteStateStore.open(tmp_path) as store:
            made = CollectionRecord(
                id="2", name="new", title="new", revision=1, created_at=NOW,
                sources=(SourceFolder(path="/a"),),
            )  # fmt: skip
            assert await store.create_collection(made, "command-1") == made
            known = await store.find_collection("default")
            assert (known is not None) == has_records
            assert known is None or (known.title, known.revision, known.sources) == ("D", 3, ())
