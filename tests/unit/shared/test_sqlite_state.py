"""State files are known again; what is another's is refused and stays as it was."""

import asyncio
import hashlib
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.discovery.adapters.sqlite_state_store_schema import FORMAT as DISCOVERY
from services.projection.adapters.sqlite_projection_store import FORMAT as PROJECTION
from services.writing.adapters.sqlite_staging import FORMAT as WRITING
from shared.errors import ConfigurationError
from shared.sqlite_state import StateFormat, open_state
from tests.waiting import until

OURS = StateFormat("discovery", 3, "CREATE TABLE things (name TEXT) STRICT;")


async def opening(file: Path, form: StateFormat = OURS) -> None:
    await (await open_state(file, form)).close()


def run(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


async def test_a_file_is_known_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "state.sqlite"
    await opening(file)
    run(file, "INSERT INTO things VALUES ('kept')")
    await opening(file)

    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT name FROM things").fetchall() == [("kept",)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("PRAGMA user_version = 9", "state of 'discovery' of format 9"),
        ("PRAGMA user_version = 2", "state of 'discovery' of format 2"),
        ("UPDATE identity SET service = 'projection'", "state of 'projection' of format 3"),
        ("DROP TABLE identity", "state of format 3"),
    ],
)
async def test_another_service_or_format_is_refused_and_not_touched(
    change: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "state.sqlite"
    await opening(file)
    run(file, change)
    before = file.read_bytes()

    with pytest.raises(ConfigurationError, match=words) as refused:
        await opening(file)

    assert "this program reads state of 'discovery' of format 3" in str(refused.value)
    assert "point state.folder to another folder" in str(refused.value)
    assert file.read_bytes() == before


async def test_somebody_elses_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    run(file, "CREATE TABLE theirs (x)")
    before = file.read_bytes()

    with pytest.raises(ConfigurationError, match="a database of another program"):
        await opening(file)

    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["state.sqlite"]


async def test_what_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    file.write_bytes(b"no database" * 100)

    with pytest.raises(ConfigurationError, match=r"state\.sqlite cannot be used"):
        await opening(file)

    assert file.read_bytes() == b"no database" * 100


NUMBERS = {
    ("discovery", 2): "070b6fdca2554937987263da73108b63223937c224d9305b24d0d5c9c98a3a62",
    ("discovery", 3): "b6ff5326e0bb68d85db27894ccaf543b4957832facd29628bdd1d353b1b37641",
    ("discovery", 4): "f1e1796a0fc19df005b3d882a01c4146f0d9d32095b823ac0902531c30da50f4",
    ("discovery", 5): "6121157468febb9f0957175c8930fd4cd1e3fb6bbcddf57750485a51547fff7d",
    ("discovery", 6): "aa2141fe327b6f972dc722ece553173c7487df2a18ea4bc5ea23567c4f194f23",
    ("discovery", 7): "cff89b3ff4bc8f02eeb04d5c4dae7d274214641cfc1287d3f769c7e02ee40c44",
    ("discovery", 8): "cb27a9adf8687d2e079c3712c3868f9d03e738726a49e4ca87fdff24e4c67006",
    ("discovery", 9): "cb27a9adf8687d2e079c3712c3868f9d03e738726a49e4ca87fdff24e4c67006",
    ("discovery", 10): "2d138593e4f194394a0633b80ebac83872ac5337fefa75486140f0f1bb9edbf8",
    ("discovery", 11): "0dd651c04ea3d3c93df93cf381d308f537dfe5339fae93b7697fdc985595fc6e",
    ("discovery", 12): "bc7febb0d8979b93722d577c7d40623508d4d042f3d25224bcfb8a2461931841",
    ("writing", 1): "5c797893b3faa7f3578bce51103ae870b1855990b7bb638aac42acfe5e98fc79",
    ("projection", 2): "4ed2061b61b2fd2ce3fcfd5afec67f6f876aee9dde2e79ac33ac9f313fce1508",
    ("projection", 3): "fa48924c60d69088bd776153ea052c66736ca70c0a91a2dc61ab88d67b31e0fa",
    ("projection", 4): "540b764306c5e7a28832e3aa5c7671b16565e95fc6bd3158b9cc73b8bfc46aac",
    ("projection", 5): "0a9b9106935bc5eb9b4ef09d62dc266102920e0e93fa7962456ff5a5693676a0",
}
"""Of each format, the hash of its tables. A format that was once used is never changed."""


@pytest.mark.parametrize("form", [DISCOVERY, PROJECTION, WRITING], ids=lambda form: form.service)
def test_other_tables_have_another_number(form: StateFormat) -> None:
    """If this fails: count the format's number up, and note the new hash beside the old ones."""
    digest = hashlib.sha256(form.tables.encode()).hexdigest()

    assert NUMBERS.get((form.service, form.number)) == digest


async def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    """Not taken for a wrong configuration, after which nobody would start the service again."""
    file = tmp_path / "state.sqlite"
    await opening(file)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with capture_logs() as told:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
            waiting = asyncio.ensure_future(opening(file))
            await until(lambda: any(line["event"] == "state.waiting" for line in told))
            assert not waiting.done()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        await waiting
