from datetime import UTC, datetime
from typing import Any

import pytest

from services.cli.handlers.figures import Figures, is_balanced
from services.cli.handlers.waits import sentence_of
from shared.contracts.status_reading import read_status
from shared.contracts.statuses import Ledger
from shared.services import STAGES

DISCOVERY = {
    "sources": {"completed": 2, "incomplete": 1, "reading": 0, "dispatched": 0, "failed": 0},
    "records": {"seen": 7, "mapped": 6, "dead": 1, "in_flight": 0},
    "failures": [],
    "has_looked": True,
}
PROJECTION = {
    "records": 6,
    "version": 3,
    "is_stale": False,
    "explained_variance_ratio": [0.4, 0.2],
}
WRITING = {
    "rows": 6, "dataset_version": 9, "model_version": 3, "is_fresh": True, "blocked": None,
}  # fmt: skip


def statuses(**changed: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Four stages that run and are done, with some figures changed."""
    told = {
        "discovery": DISCOVERY | changed.get("discovery", {}),
        "projection": PROJECTION | changed.get("projection", {}),
        "writing": WRITING | changed.get("writing", {}),
    }
    all_of_them: dict[str, list[dict[str, Any]]] = {
        name: [{"state": "running", "collections": {"default": figures}}]
        for name, figures in told.items()
    }
    all_of_them["embedding"] = [{"state": "running", "blocked": None}]
    return all_of_them


def figures(lag: dict[str, int] | None = None, **changed: dict[str, Any]) -> Figures:
    return look(statuses(**changed), lag)


def look(
    told: dict[str, list[dict[str, Any]]],
    lag: dict[str, int] | None = None,
    collection: str = "default",
) -> Figures:
    """Put together what services have told as JSON."""
    read = {name: [read_status(name, one) for one in some] for name, some in told.items()}
    return Figures.of(read, lag or {}, collection)


def test_everything_mapped_and_nothing_on_its_way_is_drained() -> None:
    assert figures().is_drained
    assert figures().is_published


@pytest.mark.parametrize(
    "changed",
    [
        {"has_looked": False},
        {"sources": {"reading": 1}},
        {"sources": {"dispatched": 1}},
        {"records": {"seen": 7, "mapped": 5, "dead": 1, "in_flight": 1}},
    ],
)
def test_open_work_of_discovery_is_not_drained(changed: dict[str, Any]) -> None:
    assert not figures(discovery=changed).is_drained


@pytest.mark.parametrize("stage", STAGES)
def test_messages_before_any_stage_are_not_drained(stage: str) -> None:
    assert not figures({stage: 1}).is_drained


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_does_not_answer_is_absent_and_not_drained(stage: str) -> None:
    """An absent stage has no figures; zeros must not look like nothing to do."""
    told = statuses()
    del told[stage]

    found = look(told)

    assert found.states[stage] == "absent"
    assert found.instances[stage] == 0
    assert not found.is_drained


def test_no_status_at_all_leaves_zeros() -> None:
    found = look({})

    assert found.ledger.records == Ledger()
    assert found.model.version == found.dataset.rows == 0
    assert not found.is_everybody_running
    assert not found.is_drained


def test_an_unasked_look_is_not_running() -> None:
    assert not Figures().is_everybody_running


@pytest.mark.parametrize("changed", [{"is_fresh": False}, {"model_version": 2}])
def test_files_that_are_behind_are_not_published(changed: dict[str, Any]) -> None:
    assert not figures(writing=changed).is_published


def test_incomplete_sources_do_not_keep_it_from_being_drained() -> None:
    assert figures(discovery={"sources": {"incomplete": 5}}).is_drained


@pytest.mark.parametrize(
    ("discovery", "expected"),
    [
        ({"records": {"seen": 6, "mapped": 6, "dead": 0}, "sources": {}}, False),
        ({"records": {"seen": 7, "mapped": 6, "dead": 1}, "sources": {}}, True),
        ({"records": {}, "sources": {"failed": 1}}, True),
        ({"records": {"seen": 7, "mapped": 5, "dead": 2, "dropped": 1}, "sources": {}}, True),
        ({"records": {"seen": 7, "mapped": 6, "dead": 1, "dropped": 1}, "sources": {}}, False),
    ],
)
def test_casualties_are_dead_letters_and_failed_sources(
    discovery: dict[str, Any], *, expected: bool
) -> None:
    assert figures(discovery=discovery).has_casualties is expected


def test_a_standby_beside_an_owner_is_no_trouble() -> None:
    told = statuses()
    told["writing"].insert(0, {"state": "standby", "collections": {}})

    found = look(told)

    assert found.states["writing"] == "running"
    assert found.instances["writing"] == 2
    assert found.dataset.rows == 6


def test_what_stands_still_is_named_with_its_reason() -> None:
    told = statuses(writing={"blocked": "disk full"})
    told["embedding"] = [{"state": "running"}, {"state": "running", "blocked": "refused"}]

    found = look(told)

    assert found.blocked == {"embedding": "refused", "writing": "disk full"}


HELD = {
    "movement": {
        "rms": 1.0, "rms_share": 0.3, "centre": 0.5, "centre_share": 0.15, "diagonal": 3.3,
        "explained_before": 0.4, "explained_after": 0.6,
    },
    "decision": {
        "trigger": "threshold", "records": 9, "records_at_last_fit": 4, "growth_threshold": 2.0,
        "movement_budget": 0.1,
    },
    "revision": 3,
}  # fmt: skip
WAIT = {"what": "publishing", "reason": "full", "since": "2026-01-01T12:00:00.500000Z"}


def test_what_lasts_is_told_with_reason_and_since_when() -> None:
    told = statuses()
    told["projection"] = [{"state": "running", "waits": [WAIT, WAIT | {"what": "handling"}]}] * 2
    told["gateway"] = [{"state": "running", "waits": [WAIT]}]

    found = look(told)

    assert [(one.stage, one.what) for one in found.waits] == [
        ("gateway", "publishing"), ("projection", "publishing"), ("projection", "handling"),
    ]  # fmt: skip
    assert sentence_of(found.waits[0]) == "publishing: full (since 2026-01-01T12:00:00Z)"
    assert found.blocked == {"projection": "publishing: full"}
    assert found.report()["waits"][0] == {"stage": "gateway", **WAIT}


def test_a_standby_waits_in_peace_while_the_other_works() -> None:
    told = statuses()
    told["writing"].append({"state": "standby", "waits": [WAIT]})
    beside = look(told)
    told["writing"] = [{"state": "standby", "waits": [WAIT]}]
    alone = look(told)

    assert beside.waits == []
    assert alone.blocked == {"writing": "publishing: full"}


def test_without_the_bus_what_was_known_last_stays_but_nobody_runs() -> None:
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)

    found = figures().without_bus("the bus does not answer", since)

    assert found.ledger == figures().ledger
    assert not found.is_drained
    assert set(found.states.values()) == {"absent"}
    assert [one.since for one in found.waits] == [since]


def test_figures_of_another_collection_are_not_taken() -> None:
    assert look(statuses(), collection="other").ledger.records == Ledger()


def test_the_ledger_is_balanced_when_every_record_is_somewhere() -> None:
    assert is_balanced(Ledger(seen=7, mapped=5, dead=1, in_flight=1))
    assert not is_balanced(Ledger(seen=7, mapped=5, dead=1, in_flight=0))


def test_unknown_figures_of_a_newer_discovery_are_passed_over() -> None:
    found = figures(discovery={"records": {"seen": 1, "retracted": 4}})

    assert found.ledger.records.seen == 1
    assert found.report()["records"] == {"seen": 1, "mapped": 0, "dead": 0, "in_flight": 0}


def test_the_summary_has_the_figures_that_scripts_read() -> None:
    assert figures().summary(1.23456) == {
        "sources": DISCOVERY["sources"],
        "records": {"seen": 7, "mapped": 6, "dead": 1, "in_flight": 0},
        "dropped": 0,
        "held": 0,
        "failures": [],
        "incomplete_sources": 0,
        "incomplete": [],
        "gone_sources": 0,
        "gone": [],
        "embedding": {"records": 0, "recalled_texts": 0},
        "projection": {"version": 3, "explained_variance_ratio": [0.4, 0.2]},
        "seconds": 1.235,
    }


def test_the_report_tells_of_every_stage_and_of_a_held_refit() -> None:
    held = HELD

    report = figures({"writing": 4}, projection={"held": held}).report()

    assert report["stages"]["writing"] == {"state": "running", "instances": 1, "lag": 4}
    assert report["model"]["held"] == held
    assert report["dataset"] == {
        "rows": 6, "version": 9, "model_version": 3, "is_fresh": True,
    }  # fmt: skip
