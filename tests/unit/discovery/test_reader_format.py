"""Folders of files of any kind, as discovery reads them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.adapters.reader_format import ReaderFormat
from services.discovery.domain.entries import BadLine, Entry, Part
from services.discovery.handlers.found import SourceToRead
from services.discovery.ports import SourceUnreadableError
from shared.contracts.batches import Batch
from tests.fakes.contents import FakeContent, content_of
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import final, iteration, log, looked, read_all

AGENTS = Path(__file__).parents[2] / "data" / "agents"
TABLE = "Sales\nid,name,text\n" + "".join(f"{n},name {n},words {n}\n" for n in range(1, 10))


def named(data: bytes) -> FakeContent:
    return FakeContent("a.csv", len(data), lambda: data)


def read(data: bytes, *columns: str) -> list[Part]:
    found = ReaderFormat(agent_run_format(), columns).read(named(data))
    return [one for one in found if one is not None]


def test_a_record_of_a_table_has_all_columns_as_text_and_as_attributes() -> None:
    first, *rest = read(TABLE.encode())

    assert isinstance(first, Entry)
    assert first.draft
    assert first.draft.text == "id: 1\nname: name 1\ntext: words 1"
    assert json.loads(first.draft.attributes or "") == {
        "id": "1", "name": "name 1", "text": "words 1",
    }  # fmt: skip
    assert (first.line, first.byte_offset) == (3, TABLE.index("1,name 1"))
    assert len(rest) == 8


def test_chosen_columns_make_the_text_and_the_others_its_context() -> None:
    first = read(TABLE.encode(), "text", "name")[0]

    assert isinstance(first, Entry)
    assert first.draft
    assert first.draft.text == "words 1\nname 1"
    assert json.loads(first.draft.attributes or "") == {"id": "1"}


def test_a_row_has_the_time_that_a_column_of_such_a_name_says() -> None:
    rows = ("2017-08-27 00:05:34,2020-01-01,a b", "never,2020-01-02,c d", "-,-,e f")
    table = "\n".join(("Created_At,date,text", *rows)).encode()
    told = [one.draft.timestamp for one in read(table) if isinstance(one, Entry) and one.draft]
    assert told == [
        datetime(2017, 8, 27, 0, 5, 34, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC), None,
    ]  # fmt: skip

    without = ReaderFormat(agent_run_format(), ["text"], []).read(named(table))
    assert [one.draft.timestamp for one in without if isinstance(one, Entry) and one.draft] == [
        None
    ] * 3


def test_a_column_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SourceUnreadableError, match=r"no column 'nope'.*it has: id, name, text"):
        read(TABLE.encode(), "nope")


def test_a_row_that_cannot_be_read_is_a_bad_line_of_its_place() -> None:
    found = read((TABLE + "10,a,b,c\n11,x,y\n").encode())

    bad, last = found[-2:]
    assert isinstance(bad, BadLine)
    assert (bad.line, bad.byte_offset) == (12, len(TABLE))
    assert "4 cells" in bad.reason
    assert last.line == 13


def test_steps_of_an_agent_keep_their_run_order_tool_and_outcome() -> None:
    found = read((AGENTS / "github_issue.traj.json").read_bytes())

    drafts = [one.draft for one in found if isinstance(one, Entry) and one.draft]
    assert [one.iteration for one in drafts] == list(range(1, 14))
    said = json.loads(drafts[2].attributes or "")
    assert (said["tool"], said["outcome"], said["step"]) == ("bash", "error: 1", 3)
    assert drafts[2].type == "assistant"


def test_entries_stand_in_the_order_of_the_file() -> None:
    found = read((AGENTS / "edge_cases.jsonl").read_bytes())

    places = [(one.byte_offset, one.position) for one in found]
    assert places == sorted(places)
    assert [one.line for one in found if isinstance(one, BadLine)][:2] == [10, 11]


def test_what_is_told_first_stands_where_it_is() -> None:
    good = b'{"role": "user", "content": "x"}\n'

    found = read(good + b"{oops\n" + good)
    assert [(one.line, isinstance(one, BadLine)) for one in found] == [
        (1, False), (2, True), (3, False),
    ]  # fmt: skip


def test_a_file_that_is_refused_is_a_source_that_cannot_be_read() -> None:
    with pytest.raises(SourceUnreadableError, match="it is a PDF"):
        read(b"%PDF-1.7\n")


def test_a_run_log_is_read_as_ever() -> None:
    data = log(b'{"type": "metadata"}', iteration(1, "hello"), final())
    format_ = ReaderFormat(agent_run_format())

    assert read(data) == [one for one in agent_run_format().read(content_of(data)) if one]
    assert format_.why_incomplete(content_of(log(iteration(1)))) == "no_final_answer"
    assert format_.why_incomplete(content_of(TABLE.encode())) is None
    assert format_.why_incomplete(content_of(b"")) == "empty"


async def test_all_of_discovery_reads_a_folder_of_all_kinds() -> None:
    repository = FakeSourceRepository()
    repository.format = ReaderFormat(agent_run_format())
    repository.put("a.csv", TABLE.encode())
    repository.put("b.jsonl", log(iteration(1, "hello"), final()))
    repository.put("c.traj", (AGENTS / "misc__networking_1.traj").read_bytes())

    found = await looked(repository, FakeStateStore())
    counts = {}
    for one in found:
        assert isinstance(one, SourceToRead)
        (batch,) = await read_all(one, repository)
        assert isinstance(batch, Batch)
        counts[one.stat.filename] = len(batch)
    assert counts == {"a.csv": 9, "b.jsonl": 2, "c.traj": 6}
