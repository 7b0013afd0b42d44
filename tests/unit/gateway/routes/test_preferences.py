"""Over HTTP: which columns a collection prefers."""

from services.gateway.routes.group_preference_aliases import build_group_preference_router
from services.gateway.routes.job_parameters import FetchRequest
from services.gateway.routes.preferences import PreferenceEndpoints, build_preference_router
from shared.contracts.collections import CollectionRecord
from tests.builders import NOW
from tests.fakes.collection_book import FakeCollectionBook
from tests.fakes.preference_book import FakePreferenceBook
from tests.unit.gateway.in_process import client, guarded

PATH = "/api/collections/{}/preferences"


async def test_columns_are_chosen_told_and_refused() -> None:
    record = CollectionRecord(id="1", name="a", title="A", revision=1, created_at=NOW)
    book = FakeCollectionBook(record)
    router = build_preference_router(PreferenceEndpoints(book, FakePreferenceBook("note", "name")))
    async with client(guarded(router)) as http:
        before = (await http.get(PATH.format("a"))).json()
        wish = {"text_columns": ["note"]}
        chosen = await http.put(PATH.format("a"), json=wish)
        unknown = await http.put(PATH.format("a"), json={"text_columns": ["year"]})
        malformed = await http.put(PATH.format("a"), json={"columns": ["note"]})
        nowhere = [
            await http.get(PATH.format("b")),
            await http.put(PATH.format("b"), json=wish),
        ]
        after = (await http.get(PATH.format("a"))).json()

    assert (before["active"], before["columns"]) == (None, ["note", "name"])
    assert (chosen.status_code, chosen.json()["version"]) == (200, 1)
    assert chosen.json()["updated_by"] == "anybody"
    assert (unknown.status_code, malformed.status_code) == (422, 422)
    assert "'year'" in unknown.json()["detail"]
    assert [one.status_code for one in nowhere] == [404, 404]
    assert after["active"] == chosen.json()


async def test_a_group_says_the_same_in_its_words() -> None:
    record = CollectionRecord(id="1", name="a", title="A", revision=1, created_at=NOW)
    endpoints = PreferenceEndpoints(FakeCollectionBook(record), FakePreferenceBook("note", "name"))
    path = "/api/groups/{}/preferences"
    wish = {"selected_columns": ["note"], "contextual_fields": ["name"]}
    async with client(guarded(build_group_preference_router(endpoints))) as http:
        none_yet = await http.get(path.format("a"))
        chosen = await http.put(path.format("a"), json=wish)
        unknown = await http.put(path.format("a"), json={"selected_columns": ["year"]})
        nowhere = await http.put(path.format("b"), json=wish)
        after = await http.get(path.format("a"))

    assert (none_yet.status_code, nowhere.status_code, unknown.status_code) == (404, 404, 422)
    assert (chosen.status_code, after.json()) == (200, chosen.json())
    told = {name: chosen.json()[name] for name in (*wish, "version", "document_group_id")}
    assert told == wish | {"version": 1, "document_group_id": "a"}


def test_columns_of_a_fetch_come_as_a_list() -> None:
    body = {"urls": ["https://example.org/a.csv"], "text_columns": ["note"], "context_columns": []}
    wish = FetchRequest.model_validate(body)

    assert (wish.text_columns, wish.context_columns) == (("note",), ())
