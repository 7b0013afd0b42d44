"""Over HTTP: what is fetched every few hours."""

import pytest

from services.gateway.routes.parameters import Served
from services.gateway.routes.schedules import build_schedule_router
from shared.contracts.schedules import ScheduleChanged
from tests.fakes.schedule_book import FakeScheduleBook
from tests.unit.gateway.in_process import client, guarded

PATH = "/api/schedules"
WISH = {"url": "https://example.org/a.csv", "every_hours": 24, "text_columns": ["note"]}


async def test_one_is_made_changed_run_and_removed() -> None:
    router = build_schedule_router(Served(["default"]), FakeScheduleBook())
    async with client(guarded(router)) as http:
        made = await http.post(PATH, json=WISH)
        again = await http.post(PATH, json=WISH)
        where = f"{PATH}/{made.json()['id']}"
        changed = await http.patch(where, json={"is_paused": True, "filename": "b.csv"})
        ran = await http.post(f"{where}/run")
        listed = (await http.get(PATH, params={"collection": "default"})).json()["items"]
        gone = [await http.delete(where) for _ in range(2)]
        wrong = [
            await http.post(PATH, json=WISH | {"every_hours": hours}) for hours in (0, 169, 1.5)
        ] + [await http.patch(where, json={})]

    assert (made.status_code, again.status_code) == (201, 409)
    assert (made.json()["every_hours"], changed.json()["is_paused"]) == (24, True)
    assert (ran.status_code, len(listed), listed[0]["filename"]) == (200, 1, "b.csv")
    assert [one.status_code for one in gone] == [200, 404]
    assert [one.status_code for one in wrong] == [422] * 4


@pytest.mark.parametrize(("outcome", "status"), [("running", 409), ("too often", 429)])
async def test_why_it_is_not_run_by_hand_is_a_status(outcome: str, status: int) -> None:
    told = ScheduleChanged.model_validate({"outcome": outcome, "reason": "wait"})
    router = build_schedule_router(Served(["default"]), FakeScheduleBook(told))
    async with client(guarded(router)) as http:
        made = await http.post(PATH, json=WISH)
        ran = await http.post(f"{PATH}/{made.json()['id']}/run")

    assert (ran.status_code, ran.json()["detail"]) == (status, "wait")
