"""A selection as CSV and Parquet, on real files."""

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from services.gateway.routes.exporting import LARGEST
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from tests.unit.gateway.files import name_of, write_files
from tests.unit.gateway.in_process import client, serve_files

WIDE = "\uff1d"
HOSTILE = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", WIDE + "1", "plain", "a=b",
    'says "hi", and\nmore', "'=1",
)  # fmt: skip


async def exported(folder: Path, ids: Any, form: str, **rules: Any) -> httpx.Response:
    limits = {"larger_bodies": {"/export": LARGEST}}
    async with client(serve_files(folder, **limits, **rules)) as http:
        return await http.post("/export", json={"ids": ids, "format": form})


@pytest.mark.parametrize("group_rows", [2, 50_000])
async def test_a_parquet_file_holds_what_the_public_one_does(
    tmp_path: Path, group_rows: int
) -> None:
    texts = [f"text {one}" for one in range(20_000 if group_rows > 2 else 9)]
    write_files(tmp_path / "default", texts, group_rows=group_rows)
    chosen = [name_of(one) for one in range(len(texts) - 1, 0, -3)]

    answer = await exported(tmp_path, [*chosen, name_of(999_999)], "parquet")

    whole = pq.read_table(tmp_path / "default" / "logs.parquet").to_pylist()
    plain = [row for row in whole if row["id"] in set(chosen)]
    for row in plain:
        del row["source_version"]
    assert pq.read_table(io.BytesIO(answer.content)).to_pylist() == plain
    assert answer.headers["content-disposition"] == 'attachment; filename="default.parquet"'


async def test_no_cell_of_a_table_is_run(tmp_path: Path) -> None:
    write_files(tmp_path / "default", HOSTILE)

    answer = await exported(tmp_path, [name_of(one) for one in range(len(HOSTILE))], "csv")

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    for row, text in zip(rows, HOSTILE, strict=True):
        first = text.lstrip(" \t\r\n")[0]
        is_risky = first in "=+-@" + WIDE or text[0] in "\t\r\n"
        assert row["text"] == ("'" + text if is_risky else text)
        assert float(row["projection_x"]) == -0.5
    assert [row["id"] for row in rows] == [name_of(one) for one in range(len(HOSTILE))]


async def test_nothing_chosen_that_is_there_is_a_file_without_rows(tmp_path: Path) -> None:
    write_files(tmp_path / "default", ["a"])

    table = await exported(tmp_path, ["ff"], "csv")
    whole = await exported(tmp_path, ["ff"], "parquet")

    assert len(table.text.splitlines()) == 1
    assert pq.read_table(io.BytesIO(whole.content)).num_rows == 0


@pytest.mark.parametrize(
    ("ids", "form"), [([], "csv"), (["x"], "csv"), (["a"], "xls"), ("a", "csv"), (None, "csv")]
)
async def test_what_cannot_be_meant_is_refused(tmp_path: Path, ids: Any, form: str) -> None:
    write_files(tmp_path / "default", ["a"])

    assert (await exported(tmp_path, ids, form)).status_code == 422


async def test_there_is_no_map_yet_or_it_is_damaged(tmp_path: Path) -> None:
    assert (await exported(tmp_path, ["a"], "csv")).status_code == 404
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "logs.parquet").write_bytes(b"no parquet")
    assert (await exported(tmp_path, ["a"], "csv")).status_code == 503


async def test_a_long_list_is_taken_from_those_who_may_read_only(tmp_path: Path) -> None:
    write_files(tmp_path / "default", ["a"])
    token = "t" * 20
    rules: dict[str, Any] = {
        "keyring": Keyring([Credential(Caller("r", Role.READ), digest_of(token))]),
        "larger_bodies": {"/export": LARGEST},
    }
    body = {"ids": [name_of(one) for one in range(5000)], "format": "csv"}
    async with client(serve_files(tmp_path, **rules)) as http:
        unknown = await http.post("/export", json=body)
        http.headers["authorization"] = f"Bearer {token}"
        known = await http.post("/export", json=body)
        body["ids"] = [name_of(one) for one in range(300_000)]
        beyond = await http.post("/export", json=body)

    assert [one.status_code for one in (unknown, known, beyond)] == [413, 200, 413]
