"""Over HTTP: schedules in the words of a page that syncs suppliers."""

from typing import Any

from services.gateway.routes.parameters import Served
from services.gateway.routes.supplier_aliases import SupplierEndpoints, build_supplier_router
from shared.contracts.collections import CollectionRecord
from shared.contracts.schedules import ChangeSchedule, ScheduleChanged
from tests.builders import NOW
from tests.fakes.collection_book import FakeCollectionBook
from tests.fakes.schedule_book import FakeScheduleBook
from tests.unit.gateway.in_process import client, guarded

SUPPLIERS, TRIGGER = "/api/admin/suppliers", "/api/admin/sync/trigger"
URL = "https://example.org/{}.csv"


class BusyBook(FakeScheduleBook):
    """One in which the first supplier is fetched already, and a run gives a job."""

    async def change(self, asked: ChangeSchedule) -> ScheduleChanged:
        if asked.action != "run":
            return await super().change(asked)
        numbers = [list(self.all).index(one) for one in asked.schedules]
        jobs = tuple(f"{number:020x}" for number in numbers if number)
        reason = "the first has a job"
        if not jobs:
            return ScheduleChanged(outcome="running", reason=reason)
        reasons = (reason,) if 0 in numbers else ()
        return ScheduleChanged(outcome="done", jobs=jobs, reasons=reasons)


async def test_suppliers_are_made_and_synced() -> None:
    record = CollectionRecord(id="1", name="a", title="A", revision=1, created_at=NOW)
    book = BusyBook()
    endpoints = SupplierEndpoints(Served(["a"]), FakeCollectionBook(record), book)
    async with client(guarded(build_supplier_router(endpoints))) as http:

        async def add(name: str, **more: Any) -> Any:
            wish = {"name": name, "source_url": URL.format(name), "source_type": "csv"}
            return await http.post(SUPPLIERS, json=wish | more)

        nobody = await http.post(TRIGGER)
        made = [await add("x"), await add("y", use_ml_processing=True), await add("z")]
        refused = [await add("x"), await add("w", use_ml_processing=False)]
        ids = [one.json()["id"] for one in made]
        every = await http.post(TRIGGER)
        first = await http.post(TRIGGER, json={"supplier_ids": ids[:1]})
        last = await http.post(TRIGGER, json={"supplier_ids": ids[2:]})
        unknown = await http.post(TRIGGER, json={"supplier_ids": [*ids, "nothing"]})

    assert [one.status_code for one in made] == [201] * 3
    assert {one.every_hours for one in book.all.values()} == {8}
    assert [one.status_code for one in refused] == [409, 400]
    assert "is_analyzed" in refused[1].json()["detail"]
    assert (nobody.status_code, unknown.status_code, first.status_code) == (404, 404, 409)
    assert (every.status_code, every.json()["task_id"]) == (202, f"{1:020x}")
    assert every.json()["message"] == "2 suppliers are fetched; the first has a job"
    assert last.json()["message"] == "1 supplier is fetched"
