import pytest

from services.gateway.handlers import reading
from services.gateway.handlers.model_answers import WholeModel
from services.gateway.ports import MapMarks
from shared.contracts.projection import ProjectionModel
from shared.errors import BusAway
from shared.services import STAGES
from tests.unit.gateway.builders import (
    FakeMapReader,
    FakeModelHistory,
    FakeStatusBoard,
    model,
)

RUNNING = {name: [{"state": "running"}] for name in STAGES}


async def test_a_pipeline_runs_when_every_stage_has_a_running_instance() -> None:
    standby = RUNNING | {"writing": [{"state": "standby"}, {"state": "running"}]}
    waiting = RUNNING | {"writing": [{"state": "waiting"}]}

    assert (await reading.health(FakeStatusBoard(standby))).pipeline_running
    assert not (await reading.health(FakeStatusBoard(waiting))).pipeline_running
    assert not (await reading.health(FakeStatusBoard({}))).pipeline_running


async def test_a_bus_that_is_away_is_no_fault_of_the_gateway() -> None:
    told = await reading.health(FakeStatusBoard(None))

    assert (told.status, told.bus, told.pipeline_running) == ("ok", "away", False)
    assert [one.model_dump(mode="json") for one in told.waits] == [
        {
            "stage": "gateway",
            "what": "connecting to the bus",
            "reason": "refused",
            "since": "2026-01-01T12:00:00Z",
        }
    ]


async def test_what_any_service_waits_for_is_told_but_not_what_a_standby_waits_for() -> None:
    wait = {"what": "owning a folder", "reason": "another does", "since": "2026-01-01T12:00:00Z"}
    full = {"what": "publishing", "reason": "full", "since": "2026-01-01T12:00:00Z"}
    services = RUNNING | {
        "writing": [{"state": "standby", "waits": [wait]}, {"state": "running", "waits": []}],
        "projection": [{"state": "standby", "waits": [wait]}],
        "discovery": [{"state": "running", "waits": [full]}] * 2,
    }

    told = await reading.health(FakeStatusBoard(services))

    assert [(one.stage, one.what) for one in told.waits] == [
        ("discovery", "publishing"),
        ("projection", "owning a folder"),
    ]


async def test_sources_are_those_of_the_instance_that_tells_them() -> None:
    figures: dict[str, object] = {"sources": {"failed": 1}, "records": dict.fromkeys(
        ("seen", "mapped", "dead", "in_flight"), 0
    )}  # fmt: skip
    since = "2026-01-01T12:00:00+00:00"
    stalled = {"filename": "a", "stage": "writing", "since": since, "in_flight": 2}
    figures |= {"stalled": [stalled], "stalled_sources": 7}
    waits = {"filename": "b", "why": "empty", "reason": "it holds no line yet", "since": since}
    figures |= {"incomplete": [waits], "incomplete_sources": 9}
    gone = {"filename": "c", "since": since, "mapped": 3, "same_as": None}
    figures |= {"gone": [gone], "gone_sources": 4}
    serving = {"state": "running", "collections": {"default": figures}}
    board = FakeStatusBoard({"discovery": [{"state": "standby"}, serving]})

    told = await reading.sources("default", board=board)

    assert told
    assert told.sources == {"failed": 1}
    assert told.stalled_sources == 7
    assert (told.gone_sources, told.gone[0].filename, told.gone[0].mapped) == (4, "c", 3)
    assert [(one.filename, one.stage, one.in_flight) for one in told.stalled] == [
        ("a", "writing", 2)
    ]
    with pytest.raises(reading.RestingError, match="GET /api/collections/other/sources"):
        await reading.sources("other", board=board)
    assert await reading.sources("other", board=FakeStatusBoard({"discovery": []})) is None
    with pytest.raises(BusAway):
        await reading.sources("default", board=FakeStatusBoard(None))


async def test_what_waits_for_a_stage_is_told_as_the_bus_has_it() -> None:
    told = await reading.queues("logs", board=FakeStatusBoard({}))

    assert told.model_dump() == {
        "collection": "logs",
        "items": [
            {
                "stage": "writing",
                "reads": "projection of logs",
                "waiting": 7,
                "in_hand": 2,
                "settled_to": 40,
            }
        ],
    }
    with pytest.raises(BusAway):
        await reading.queues("logs", board=FakeStatusBoard(None))


async def test_the_history_is_paged_newest_first() -> None:
    models = FakeModelHistory(*(model(one) for one in range(1, 8)))
    maps = FakeMapReader(MapMarks(1, 5, 7))

    page = await reading.list_models("default", limit=3, offset=1, models=models, maps=maps)

    assert [(one.version, one.is_current) for one in page.items] == [
        (6, False),
        (5, True),
        (4, False),
    ]
    assert page.total == 7


async def test_a_whole_model_is_the_contract() -> None:
    told = await reading.get_model("default", 1, models=FakeModelHistory(model(1)))

    assert told
    assert ProjectionModel.model_validate_json(told.model_dump_json()) == model(1)
    assert set(WholeModel.model_fields) == set(ProjectionModel.model_fields)
    assert await reading.get_model("default", 2, models=FakeModelHistory()) is None


async def test_a_collection_without_files_is_listed() -> None:
    (one,) = await reading.collections(["default"], maps=FakeMapReader())

    assert (one.records, one.model_version, one.files) == (0, None, {})
