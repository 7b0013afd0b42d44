"""Lists of sources as a courier brings them: as text, and none of it is kept."""

from services.courier.adapters.memory_file_store import MemoryFileStore
from services.courier.handlers.errands import Courier
from services.courier.handlers.fetch import Fetcher, Rules
from services.courier.handlers.lists import ListFetcher
from shared.contracts.fetching import LONGEST_LIST, DeliverFetch, FetchWork
from shared.task_groups import TaskGroup
from tests.unit.courier.handlers.test_errands import FakeErrands, FakeFetcher
from tests.unit.courier.handlers.test_fetch import SHEET, FakeWeb, no_pause
from tests.waiting import until

LIST = "name,url\nЯд,https://example.org/a.csv\n"
MOST = 4 * LONGEST_LIST


async def brought(web: FakeWeb, url: str = "https://example.org/list.csv") -> DeliverFetch:
    store = MemoryFileStore(MOST)
    lists = ListFetcher(
        Fetcher(web, store, Rules(1 << 30, sheets_as="csv"), sleep=no_pause), store
    )
    work = FetchWork(
        job="0" * 20,
        attempt=0,
        collection="default",
        url=url,
        filename=None,
        by="me",
        is_manifest=True,
    )
    errands = FakeErrands((work,))
    courier = Courier(errands, FakeFetcher(), 6, lists=lists)  # type: ignore[arg-type]
    async with TaskGroup() as group:
        await courier.look(group)
        await until(lambda: errands.told)
    (told,) = errands.told
    assert (told.is_manifest, told.blob) == (True, None)
    assert not store._kept
    return told


async def test_a_list_is_brought_as_text() -> None:
    web = FakeWeb(b"\xef\xbb\xbf" + LIST.encode())
    told = await brought(web)

    assert (told.outcome, told.content) == ("fetched", LIST)
    assert web.asked == ["https://example.org/list.csv"]


async def test_of_a_google_sheet_it_is_the_export_as_csv() -> None:
    web = FakeWeb(LIST.encode())
    told = await brought(web, SHEET)

    assert told.outcome == "fetched"
    assert web.asked == [SHEET.partition("/edit")[0] + "/export?format=csv"]


async def test_what_is_no_text_or_too_long_says_why() -> None:
    for body, why in (
        (b"PK\x03\x04 a workbook", "not a workbook"),
        (b"<!doctype html><title>Sign in</title>", "HTML"),
        (LIST.encode("cp1251"), "UTF-8"),
        (b"name,url\n" + b"a" * MOST, "divide the list"),
        (b"name,url\n" + b"a" * LONGEST_LIST, "divide the list"),
    ):
        told = await brought(FakeWeb(body))

        assert (told.outcome, told.content) == ("failed", None)
        assert why in (told.reason or "")
