"""Matches at the terminal: what is asked of a gateway, and what comes of its answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.cli.commands.matches import decide, export, show_list
from services.cli.settings import BusOptions, CliSettings
from shared.errors import ConfigurationError, TransientError
from tests.hostile_http import HostileServer, Request, answer, head, hostile

OPTIONS = BusOptions(collection="ours", is_json=True)
PLACE = "/api/matches"
COUNTS = {"linked": 1, "review": 2, "unmatched": 0, "accepted": 0, "rejected": 0}


def pair(number: int) -> dict[str, Any]:
    return {
        "id": f"{number:02x}", "other_id": "ff", "texts": "0" * 64, "score": 0.75,
        "state": "review", "text": "a drill,\nred", "other_text": "a red drill", "decided": None,
    }  # fmt: skip


@dataclass
class Gateway:
    """A gateway with three pairs, which tells two at a time."""

    server: HostileServer

    @property
    def place(self) -> tuple[str, Path | None]:
        return self.server.url(""), None

    def asked(self, path: str = PLACE) -> list[dict[str, list[str]]]:
        urls = [urlsplit(one.path) for one in self.server.asked]
        return [parse_qs(one.query) for one in urls if one.path == path]

    async def tell(self, request: Request, out: asyncio.StreamWriter) -> None:
        query = parse_qs(urlsplit(request.path).query)
        after = int(query.get("after", ["0"])[0])
        most = min(2, int(query["limit"][0]))
        ids = query["ids"][0].split(",") if "ids" in query else None
        found = [one for one in map(pair, range(3)) if ids is None or one["id"] in ids][after:]
        told = {
            "collection": "ours", "other": "theirs", "records": 3, "other_records": 4,
            "counts": COUNTS, "unused_decisions": 1, "total": 3, "items": found[:most],
            "next_after": after + most if len(found) > most else None,
        }  # fmt: skip
        await answer(json.dumps(told).encode())(request, out)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with hostile() as server:
        made = Gateway(server)
        server.replies[PLACE] = made.tell
        yield made


async def listed(gateway: Gateway, limit: int, options: BusOptions = OPTIONS) -> None:
    fields = {"other": "theirs", "state": None, "link": 0.9, "review": 0.7}
    await show_list(fields, options, CliSettings(), place=gateway.place, limit=limit)


@pytest.mark.parametrize(("limit", "pages"), [(3, 2), (9, 2), (2, 1), (0, 1)])
async def test_as_many_pairs_are_listed_as_were_asked_for(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], limit: int, pages: int
) -> None:
    await listed(gateway, limit)

    told = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in told["items"]] == ["00", "01", "02"][:limit]
    assert told["counts"] == COUNTS
    assert [one["collection"] for one in gateway.asked()] == [["ours"]] * pages


async def test_people_read_counts_and_pairs(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    await listed(gateway, 1, BusOptions(collection="ours"))

    told = capsys.readouterr().out
    assert "0.7500: review" in told
    assert "a drill, red" in told
    assert "decisions that hold for nothing now" in told


@pytest.mark.parametrize(
    ("status", "kind"),
    [(422, ConfigurationError), (404, ConfigurationError), (503, TransientError)],
)
async def test_what_a_gateway_refuses_is_said_in_its_words(
    gateway: Gateway, status: int, kind: type[Exception]
) -> None:
    gateway.server.replies[PLACE] = answer(b'{"detail": "it is so"}', status)
    with pytest.raises(kind, match="it is so"):
        await listed(gateway, 1)
    gateway.server.replies[PLACE] = answer(b"<html>", status)
    with pytest.raises(TransientError, match="no JSON"):
        await listed(gateway, 1)


async def decided(gateway: Gateway, outcome: str, *ids: str) -> int:
    result = {"id": "00", "other_id": "ff", "outcome": outcome, "reason": None, "decided": None}
    body = json.dumps({"items": [result]}).encode()
    gateway.server.replies[f"{PLACE}/decisions"] = answer(body)
    return await decide(
        "accept", OPTIONS, CliSettings(), other="theirs", ids=ids, place=gateway.place
    )


async def test_who_decides_hears_of_what_was_refused_and_of_what_is_not_there(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await decided(gateway, "decided", "00") == 0
    assert await decided(gateway, "unchanged", "00") == 0
    assert await decided(gateway, "refused", "00") == 5
    assert await decided(gateway, "decided", "00", "aa") == 5
    assert "no record 'aa' in 'ours'" in capsys.readouterr().err
    before = len(gateway.asked(f"{PLACE}/decisions"))
    assert await decided(gateway, "decided", "aa") == 5
    assert len(gateway.asked(f"{PLACE}/decisions")) == before == 4


async def written(gateway: Gateway, file: Path) -> None:
    fields = {"other": "theirs", "state": "review", "link": 0.9, "review": 0.7}
    await export(fields, OPTIONS, CliSettings(), place=gateway.place, file=file)


async def test_a_file_is_written_whole_or_not_at_all(gateway: Gateway, tmp_path: Path) -> None:
    file, reply = tmp_path / "pairs.csv", gateway.server.replies

    async def breaks_off(request: Request, out: asyncio.StreamWriter) -> None:
        if request.number == 1:
            out.write(head(200, 100) + b"id,other_id\r\n")
        else:
            out.write(head(200, Transfer_Encoding="chunked") + b"d\r\nid,other_id\r\n\r\n")

    reply[f"{PLACE}/export"] = breaks_off
    for _ in range(2):
        with pytest.raises(TransientError):
            await written(gateway, file)
    reply[f"{PLACE}/export"] = answer(b'{"detail": "they are the same"}', 422)
    with pytest.raises(ConfigurationError, match="they are the same"):
        await written(gateway, file)
    assert list(tmp_path.iterdir()) == []
    reply[f"{PLACE}/export"] = answer(b"id,other_id\r\n")
    await written(gateway, file)

    assert [one.name for one in tmp_path.iterdir()] == ["pairs.csv"]
    assert file.read_bytes() == b"id,other_id\r\n"
    assert gateway.asked(f"{PLACE}/export")[0]["format"] == ["csv"]
    refused = {"pairs.xlsx": "end its name", "nowhere/pairs.csv": "cannot be written"}
    for name, words in refused.items():
        with pytest.raises(ConfigurationError, match=words):
            await written(gateway, tmp_path / name)
