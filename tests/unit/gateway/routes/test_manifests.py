"""Over HTTP: lists of sources that are applied every few hours."""

import pytest

from services.gateway.routes.manifests import PATH, build_manifest_router
from services.gateway.routes.parameters import Served
from shared.contracts.fetching import LONGEST_LIST
from shared.contracts.manifests import ManifestChanged
from tests.fakes.manifest_book import FakeManifestBook
from tests.unit.gateway.in_process import client, guarded

WISH = {"url": "https://example.org/list.csv", "every_hours": 24}
LIST = {"name": "list.csv", "content": "name,url\nAda,https://example.org/a.csv\n"}


async def test_one_is_applied_shown_changed_run_and_removed() -> None:
    router = build_manifest_router(Served(["default"]), FakeManifestBook())
    async with client(guarded(router)) as http:
        made = await http.put(PATH, json=WISH)
        again = await http.put(PATH, json=WISH)
        where = f"{PATH}/{made.json()['id']}"
        shown = await http.get(where)
        changed = await http.patch(where, json={"is_paused": True})
        ran = await http.post(f"{where}/run")
        listed = (await http.get(PATH, params={"collection": "default"})).json()["items"]
        gone = [await http.delete(where), await http.delete(where), await http.get(where)]

    assert (made.status_code, made.json()["every_hours"]) == (200, 24)
    assert again.json()["id"] == made.json()["id"]
    assert shown.json()["items"][0]["outcome"] == "added"
    assert (changed.json()["is_paused"], ran.status_code, len(listed)) == (True, 200, 1)
    assert [one.status_code for one in gone] == [200, 404, 404]


async def test_a_list_is_handed_in_with_its_name_or_lies_somewhere() -> None:
    router = build_manifest_router(Served(["default"]), FakeManifestBook())
    long = LIST | {"content": "a" * (LONGEST_LIST + 1)}
    async with client(guarded(router)) as http:
        made = await http.put(PATH, json=LIST)
        wrong = [
            (await http.put(PATH, json=body)).status_code
            for body in (
                {},
                WISH | LIST,
                {"content": "a"},
                WISH | {"every_hours": 169},
                WISH | {"name": " "},
                long,
            )
        ]
        empty = await http.patch(f"{PATH}/{made.json()['id']}", json={})

    assert (made.status_code, made.json()["url"]) == (200, None)
    assert (wrong, empty.status_code) == ([422] * 5 + [413], 422)


@pytest.mark.parametrize(("outcome", "status"), [("running", 409), ("too often", 429)])
async def test_why_it_is_not_run_by_hand_is_a_status(outcome: str, status: int) -> None:
    told = ManifestChanged.model_validate({"outcome": outcome, "reason": "wait"})
    router = build_manifest_router(Served(["default"]), FakeManifestBook(told))
    async with client(guarded(router)) as http:
        made = await http.put(PATH, json=WISH)
        ran = await http.post(f"{PATH}/{made.json()['id']}/run")

    assert (ran.status_code, ran.json()["detail"]) == (status, "wait")
