"""What every source repository does, the fake one included."""

import hashlib
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.contents import why_incomplete
from services.discovery.ports import (
    SourceChangedError,
    SourceRepository,
    SourceUnreadableError,
    SourceVanishedError,
)
from shared.errors import ConfigurationError
from tests.fakes.source_repository import FakeSourceRepository

LIMIT = 4096
FINAL = b'{"final_answer": "x"}'


class FolderHarness:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir()
        self.repository: SourceRepository = FolderSourceRepository(
            [Root(root, format=agent_run_format(LIMIT))]
        )

    def put(self, filename: str, content: bytes) -> None:
        file = self.root / filename
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def remove(self, filename: str) -> None:
        (self.root / filename).unlink()

    def path(self, filename: str) -> str:
        return str(self.root / filename)

    def remove_root(self) -> None:
        self.root.rmdir()


class FakeHarness:
    def __init__(self) -> None:
        self.fake = FakeSourceRepository(max_line_bytes=LIMIT)
        self.repository: SourceRepository = self.fake
        self.put, self.remove, self.path = self.fake.put, self.fake.remove, self.fake.path

    def remove_root(self) -> None:
        self.fake.is_there = False


Harness = FolderHarness | FakeHarness


@pytest.fixture(params=["folder", "fake"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    return FolderHarness(tmp_path / "root") if request.param == "folder" else FakeHarness()


async def listed(harness: Harness, *changed: str) -> list[SourceStat]:
    paths = frozenset(map(harness.path, changed)) or None
    async with aclosing(harness.repository.list_sources(paths)) as found:
        return [one async for one in found if isinstance(one, SourceStat)]


def read(harness: Harness, stat: SourceStat, fingerprint: str | None = None) -> bytes:
    """Read a content to its end, in pieces."""
    content = harness.repository.open(stat)
    try:
        pieces = list(iter(partial(content.read, 3), b""))
        if fingerprint is not None:
            content.verify(fingerprint)
        return b"".join(pieces)
    finally:
        content.close()


async def test_sources_are_listed_by_name_with_their_size(harness: Harness) -> None:
    harness.put("b.jsonl", b"12")
    harness.put("a/c.jsonl", b"123")

    found = await listed(harness)
    assert [(one.filename, one.size) for one in found] == [("a/c.jsonl", 3), ("b.jsonl", 2)]
    assert {one.collection for one in found} == {"default"}


async def test_only_what_changed_is_listed_if_that_is_asked(harness: Harness) -> None:
    for name in ("a.jsonl", "b.jsonl", "c/d.jsonl", "c/e.jsonl"):
        harness.put(name, b"")

    found = await listed(harness, "b.jsonl", "c", "gone.jsonl")
    assert [one.filename for one in found] == ["b.jsonl", "c/d.jsonl", "c/e.jsonl"]


async def test_a_root_that_is_there_passes_the_check(harness: Harness) -> None:
    await harness.repository.check()


async def test_a_root_that_is_not_there_fails_the_check(harness: Harness) -> None:
    harness.remove_root()

    with pytest.raises(ConfigurationError, match="does not exist"):
        await harness.repository.check()


WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
ANSWER = '{"final_answer": "\u010a\u0a0a \U0001f600"}'
WRITTEN = (
    ("\ufeff{}\r\n" + ANSWER + "\r\n", None),
    ("{}\n" + ANSWER, None),
    ("\ufeff{}\n" + "\u010a" * 50_000 + "\n" + ANSWER + "\n" * 70_000, None),
    ("\0" * 70_000 + "{}\n" + ANSWER + "\0" * 70_000, None),
    ("\ufeff{}\n", "no_final_answer"),
    ("\ufeff" + ANSWER + "\n{", "no_json_at_end"),
    ("\ufeff", "empty"),
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FINAL, None),
        (b"{}\n" + FINAL + b"\n", None),
        (b"{}\n" + FINAL + b"\r\n \n\n", None),
        (b"x" * 3000 + b"\n" + FINAL + b"\n" * 200_000, None),
        (FINAL + b"\n{}\n", "no_final_answer"),
        (FINAL + b"\n{", "no_json_at_end"),
        (FINAL + b"\n" + b"\0" * 10, None),
        (FINAL + b"\0" * 200_000 + b"\n\0", None),
        (b"\0" * 200_000 + FINAL, None),
        (b"\0" * 200_000 + b"{}", "no_final_answer"),
        (b'{"cut o' + b"\0" * 99 + FINAL, None),
        (b"\0" * 200_000, "empty"),
        (b"\xef\xbb\xbf" + FINAL, None),
        (b"\xef\xbb\xbf", "empty"),
        *((text.encode(name), why) for name in WIDE for text, why in WRITTEN),
        (b"\n\n", "empty"),
        (b"", "empty"),
    ],
)
async def test_a_source_is_complete_if_its_last_line_has_an_answer_else_it_is_told_why(
    harness: Harness, content: bytes, expected: object
) -> None:
    harness.put("a.jsonl", content)
    (stat,) = await listed(harness)

    assert await why_incomplete(stat, harness.repository) is expected


async def test_a_last_line_above_the_limit_cannot_be_judged(harness: Harness) -> None:
    harness.put("a.jsonl", b"{}\n" + b"x" * (LIMIT + 1) + b"\n")
    (stat,) = await listed(harness)

    with pytest.raises(SourceUnreadableError, match="last line"):
        await why_incomplete(stat, harness.repository)


async def test_the_fingerprint_is_the_hash_of_the_content_that_was_listed(
    harness: Harness,
) -> None:
    harness.put("a.jsonl", b"12")
    (stat,) = await listed(harness)
    harness.put("a.jsonl", b"123")

    digest = hashlib.sha256(b"12").hexdigest()
    assert await harness.repository.fingerprint(stat) == ContentHash(digest)


async def test_the_fingerprints_of_two_parts_are_those_of_their_bytes(harness: Harness) -> None:
    harness.put("a.jsonl", b"123456")
    (stat,) = await listed(harness)

    parts = (hashlib.sha256(part).hexdigest() for part in (b"123456", b"12", b"3456"))
    assert await harness.repository.fingerprint(stat, 2) == ContentHash(*parts)


async def test_the_end_of_a_source_is_a_content_of_its_own(harness: Harness) -> None:
    harness.put("a.jsonl", b"1\n2\n34\n5")
    (stat,) = await listed(harness)
    content = harness.repository.open(stat, 4)

    found = [
        content.size,
        content.read(3),
        content.newlines,
        content.read(9),
        content.read_at(1, 2),
    ]
    assert found == [4, b"34\n", 1, b"5", b"4\n"]
    content.verify(hashlib.sha256(b"34\n5").hexdigest())
    with pytest.raises(SourceChangedError):
        content.verify(hashlib.sha256(b"34").hexdigest())
    content.close()


async def test_the_bytes_are_those_of_the_content_that_was_listed(harness: Harness) -> None:
    harness.put("a.jsonl", b"1\n22\n\n3")
    (stat,) = await listed(harness)
    harness.put("a.jsonl", b"1\n22\n\n345\n6")

    assert read(harness, stat, hashlib.sha256(b"1\n22\n\n3").hexdigest()) == b"1\n22\n\n3"


async def test_bytes_are_read_from_anywhere_in_between(harness: Harness) -> None:
    harness.put("a.jsonl", b"0123456789")
    (stat,) = await listed(harness)
    content = harness.repository.open(stat)

    found = [content.read(2), content.read_at(7, 2), content.read(2), content.read_at(0, 1)]
    assert (content.size, content.first_data()) == (10, 0)
    found.append(content.read(2))
    content.close()
    assert found == [b"01", b"78", b"23", b"0", b"45"]


async def test_what_a_format_leaves_unread_is_compared_too(harness: Harness) -> None:
    harness.put("a.jsonl", b"12")
    (stat,) = await listed(harness)
    content = harness.repository.open(stat)

    content.read(1)
    content.verify(hashlib.sha256(b"12").hexdigest())
    content.close()


async def test_another_content_than_expected_is_told_of(harness: Harness) -> None:
    harness.put("a.jsonl", b"12")
    (stat,) = await listed(harness)
    harness.put("a.jsonl", b"34")

    with pytest.raises(SourceChangedError):
        read(harness, stat, hashlib.sha256(b"12").hexdigest())


@pytest.mark.parametrize("ask", ["why_incomplete", "fingerprint", "read"])
async def test_a_source_that_became_shorter_is_told_of(harness: Harness, ask: str) -> None:
    harness.put("a.jsonl", b"12\n")
    (stat,) = await listed(harness)
    harness.put("a.jsonl", b"1")

    with pytest.raises(SourceChangedError):
        await request(harness, stat, ask)


@pytest.mark.parametrize("ask", ["why_incomplete", "fingerprint", "read"])
async def test_a_source_that_went_away_is_told_of(harness: Harness, ask: str) -> None:
    harness.put("a.jsonl", b"12\n")
    (stat,) = await listed(harness)
    harness.remove("a.jsonl")

    with pytest.raises(SourceVanishedError):
        await request(harness, stat, ask)


async def request(harness: Harness, stat: SourceStat, ask: str) -> object:
    if ask == "read":
        return read(harness, stat)
    if ask == "why_incomplete":
        return await why_incomplete(stat, harness.repository)
    return await harness.repository.fingerprint(stat)
