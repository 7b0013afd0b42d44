"""What every projection store promises, held against the fake and SQLite."""

import asyncio
import itertools
import resource
import sqlite3
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.counted import Counted, Recount
from services.projection.domain.moments import Moments
from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import DecisionFigures, HeldRefit
from services.projection.domain.state import ModelVersion
from services.projection.ports import Checkpoint, ProjectionStore
from shared.errors import ConfigurationError, TransientError
from shared.plane import Plane
from tests.builders import NOW
from tests.fakes.projection_store import FakeProjectionStore

Open = Callable[[], AbstractAsyncContextManager[ProjectionStore]]


@pytest.fixture(params=["fake", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again and again."""
    if request.param == "sqlite":
        return lambda: open_store(tmp_path / "projection.sqlite")
    fake = FakeProjectionStore()

    @asynccontextmanager
    async def open_fake() -> Any:
        yield fake

    return open_fake


def moments(count: int = 3, dimension: int = 4) -> Moments:
    vectors = np.random.default_rng(count).normal(size=(count, dimension))
    return Moments.of(vectors.astype(np.float32))


def whole(held: Moments) -> Recount:
    """All of it in the square."""
    return Recount(counted=Counted(held.dimension, held), is_folded=True)


def model(version: int = 1, **changes: Any) -> ModelVersion:
    rng = np.random.default_rng(version)
    plane = Plane(
        rng.normal(size=4).astype(np.float32), rng.normal(size=(2, 4)).astype(np.float32)
    )
    fields: dict[str, Any] = {
        "version": version,
        "parent": version - 1 or None,
        "plane": plane,
        "explained_variance": (1 / 3, 0.1 + 0.2),
        "explained_variance_ratio": (0.1 + 0.2, 1 / 3),
        "record_count": 3,
        "reason": "first",
        "created_at": NOW,
        "revision": 1,
        "movement": MovementFigures(0.1 + 0.2, 0.5, 1 / 3, 0.25, 7.0, 0.6, 0.7),
        "decision": DecisionFigures(
            trigger="drift",
            records=3,
            records_at_last_fit=2,
            growth_threshold=2.0,
            mean_shift=1 / 3,
        ),
        "correlation_ids": ("wish-1", "wish-ü"),
    }
    return ModelVersion(**fields | changes)


def checkpoint(**changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {
        "collection": "default",
        "recount": whole(moments()),
        "revision": 1,
        "applied": {"batch-0": 3},
    }
    return Checkpoint(**fields | changes)


def facts(one: ModelVersion) -> dict[str, Any]:
    """Everything of a model, in a form that compares."""
    plane = {"mean": one.plane.mean.tolist(), "components": one.plane.components.tolist()}
    names = [name for name in ModelVersion.__slots__ if name != "plane"]
    return {name: getattr(one, name) for name in names} | plane


async def test_a_new_collection_is_empty(opened: Open) -> None:
    async with opened() as store:
        state = await store.load("default")

        assert (state.moments, state.model, state.revision, state.records) == (None, None, 0, 0)
        assert await store.known("default", ["batch-0"]) == {}
        assert await store.unannounced("default") == []


async def test_a_checkpoint_is_there_to_the_last_bit_after_reopening(opened: Open) -> None:
    counted = moments(7)
    async with opened() as store:
        await store.save(checkpoint(recount=whole(counted), revision=5, model=model()))

    async with opened() as store:
        state = await store.load("default")

    assert state.moments is not None
    assert state.model is not None
    assert (state.moments.count, state.revision) == (7, 5)
    assert np.array_equal(state.moments.mean, counted.mean)
    assert np.array_equal(state.moments.scatter, counted.scatter)
    assert facts(state.model) == facts(model())


async def test_what_was_loaded_can_be_changed_without_changing_what_is_stored(
    opened: Open,
) -> None:
    async with opened() as store:
        await store.save(checkpoint())
        state = await store.load("default")
        assert state.moments is not None

        state.moments.summed().merge(moments(9))
        again = await store.load("default")

        assert again.records == 3


async def test_batches_are_known_once_they_were_applied(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(applied={"a": 1, "b": 2, "empty": 0}))
        await store.save(checkpoint(applied={"c": 1}, revision=2))

    async with opened() as store:
        known = await store.known("default", ["a", "empty", "c", "never", "it's"])

    assert known == {"a": True, "empty": True, "c": True}


async def test_many_batches_can_be_asked_for_at_once(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(applied={f"batch-{i}": 1 for i in range(5000)}))

        assert len(await store.known("default", (f"batch-{i}" for i in range(2500, 7500)))) == 2500
        assert await store.known("default", []) == {}


async def test_a_retracted_batch_is_known_but_not_counted(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(applied={"a": 1, "b": 2}))
        await store.save(checkpoint(applied={}, retracted=["a", "never"], revision=2))

    async with opened() as store:
        assert await store.known("default", ["a", "b", "never"]) == {"a": False, "b": True}


async def test_a_held_refit_and_what_was_forgotten_are_there_after_reopening(
    opened: Open,
) -> None:
    first = model()
    assert first.movement
    assert first.decision
    held = HeldRefit(first.movement, first.decision, 7)
    async with opened() as store:
        await store.save(checkpoint(model=first, held=held, forgotten_version=3))
        state = await store.load("default")
    async with opened() as store:
        await store.save(checkpoint(applied={}, revision=2))
        later = await store.load("default")

    assert (state.held, state.forgotten_version) == (held, 3)
    assert (later.held, later.forgotten_version) == (None, 0)


async def test_the_newest_model_is_the_current_one(opened: Open) -> None:
    async with opened() as store:
        for version in (1, 2, 11):
            applied = {f"batch-{version}": 1}
            await store.save(checkpoint(applied=applied, model=model(version)))
        await store.save(checkpoint(applied={"later": 1}))

        state = await store.load("default")

        assert state.model is not None
        assert state.model.version == 11


async def test_models_wait_for_their_announcement_in_order(opened: Open) -> None:
    async with opened() as store:
        for version in (1, 2, 3):
            await store.save(checkpoint(applied={}, model=model(version)))
        await store.mark_announced("default", 2)

    async with opened() as store:
        assert [one.version for one in await store.unannounced("default")] == [1, 3]
        await store.mark_announced("default", 1)
        await store.mark_announced("default", 3)
        await store.mark_announced("default", 3)
        await store.mark_announced("default", 99)

    async with opened() as store:
        assert await store.unannounced("default") == []


async def test_collections_are_kept_apart(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(model=model()))
        await store.save(
            checkpoint(collection="other", recount=whole(moments(5, 2)), applied={"batch-0": 5})
        )
        await store.save(checkpoint(collection="other", retracted=["batch-0"], applied={}))
        await store.mark_announced("other", 1)

        here, there = await store.load("default"), await store.load("other")

        assert (here.records, there.records) == (3, 3)
        assert there.model is None
        assert await store.known("default", ["batch-0"]) == {"batch-0": True}
        assert await store.known("other", ["batch-0"]) == {"batch-0": False}
        assert [one.version for one in await store.unannounced("default")] == [1]
        assert await store.unannounced("other") == []


async def test_checkpoints_at_the_same_time_do_not_disturb_each_other(opened: Open) -> None:
    async with opened() as store:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                collection = f"c{number % 4}"
                one = checkpoint(collection=collection, applied={f"batch-{number}": 3})
                group.create_task(store.save(one))
                group.create_task(store.mark_announced(collection, 1))

        for number in range(20):
            name = f"batch-{number}"
            assert await store.known(f"c{number % 4}", [name]) == {name: True}


@dataclass(frozen=True, slots=True)
class CutOff:
    """Awaits something, and cancels it where it waits for so many times."""

    work: Coroutine[Any, Any, object]
    at: int

    def __await__(self) -> Generator[Any, None, bool]:
        """Return whether it was cancelled."""
        for number in itertools.count():
            try:
                waits_for = self.work.send(None)
                if number == self.at:
                    waits_for = self.work.throw(asyncio.CancelledError())
            except StopIteration:
                return False
            except asyncio.CancelledError:
                return True
            yield waits_for
        raise AssertionError


async def test_one_that_is_cut_off_anywhere_leaves_no_transaction_open(tmp_path: Path) -> None:
    """A collection is left while its checkpoint is at any statement, the first and last, too."""
    async with open_store(tmp_path / "projection.sqlite") as store:
        for at in itertools.count():
            name = f"cut-{at}"
            is_cut = await CutOff(store.save(checkpoint(collection=name)), at)
            await store.save(checkpoint(collection="next", applied={f"of-{at}": 1}))

            assert await store.known("next", [f"of-{at}"]) == {f"of-{at}": True}
            if not is_cut:
                break

        assert at > 5
        assert await store.known(name, ["batch-0"]) == {"batch-0": True}


async def test_a_model_without_figures_comes_back_without(opened: Open) -> None:
    bare = model(movement=None, decision=None, correlation_ids=())
    async with opened() as store:
        await store.save(checkpoint(model=bare))

    async with opened() as store:
        state = await store.load("default")

    assert state.model is not None
    assert facts(state.model) == facts(bare)


async def test_every_model_of_the_history_can_be_had_to_the_last_bit(opened: Open) -> None:
    async with opened() as store:
        for version in (1, 2, 3):
            await store.save(checkpoint(applied={}, model=model(version)))

    async with opened() as store:
        for version in (1, 2, 3):
            found = await store.get_model("default", version)
            assert found is not None
            assert facts(found) == facts(model(version))
        assert await store.get_model("default", 4) is None
        assert await store.get_model("default", 0) is None
        assert await store.get_model("other", 1) is None


async def test_who_brings_the_news_is_kept_by_collection(opened: Open) -> None:
    async with opened() as store:
        assert await store.heard_since("default") is None
        await store.keep_heard_since("default", "monday")
        await store.keep_heard_since("default", "tuesday")
        await store.keep_heard_since("other", "friday")
    async with opened() as store:
        assert await store.heard_since("default") == "tuesday"
        assert await store.heard_since("other") == "friday"


async def test_the_debt_of_a_refit_is_stored_until_it_is_paid(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(owes_refit=True))
        await store.save(checkpoint(collection="other", owes_refit=False))
    async with opened() as store:
        assert (await store.load("default")).owes_refit is True
        assert (await store.load("other")).owes_refit is False
        await store.save(checkpoint(applied={}, owes_refit=False))
    async with opened() as store:
        assert (await store.load("default")).owes_refit is False


async def test_commands_that_led_to_a_model_are_answered_for_ever(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(model=model(1, correlation_ids=("a", "it's"))))
        await store.save(checkpoint(applied={}, model=model(2, correlation_ids=())))
        await store.save(checkpoint(applied={}, model=model(3, correlation_ids=("c",))))

    async with opened() as store:
        assert await store.answered("default", ["a", "it's", "b", "c"]) == {"a", "it's", "c"}
        assert await store.answered("default", []) == set()
        assert await store.answered("other", ["a"]) == set()


async def test_a_loaded_rollback_does_not_wait_to_be_undone_by_drift(opened: Open) -> None:
    rolled_back = DecisionFigures(
        trigger="rollback", records=3, records_at_last_fit=3, growth_threshold=2.0
    )
    async with opened() as store:
        await store.save(checkpoint(model=model()))
        fitted = await store.load("default")
        await store.save(checkpoint(applied={}, model=model(2, decision=rolled_back)))
        back = await store.load("default")

    assert (fitted.drift.is_armed, fitted.drift.looked_at) == (True, 3)
    assert (back.drift.is_armed, back.drift.looked_at) == (False, 3)


# --- SQLite alone

MOMENTS_OF_FORMAT_4 = """
CREATE TABLE moments (
    collection TEXT PRIMARY KEY, dimension INTEGER NOT NULL, count INTEGER NOT NULL,
    mean BLOB NOT NULL, scatter BLOB NOT NULL, revision INTEGER NOT NULL,
    owes_refit INTEGER NOT NULL, forgotten_version INTEGER NOT NULL, held TEXT
) STRICT;
"""


async def test_models_of_the_format_before_have_no_variance_and_stay_else_as_they_were(
    tmp_path: Path,
) -> None:
    file, old = tmp_path / "projection.sqlite", model(explained_variance=None)
    async with open_store(file) as store:
        await store.save(checkpoint(model=old))
    with closing(sqlite3.connect(file)) as db:
        for table in ("candidates", "floors", "doubts", "moments", "squares", "changes"):
            db.execute(f"DROP TABLE {table}")
        db.executescript(MOMENTS_OF_FORMAT_4)
        db.executescript("ALTER TABLE models DROP COLUMN explained_variance;"
                         "PRAGMA user_version = 2;")  # fmt: skip

    async with open_store(file) as store:
        kept = await store.get_model("default", 1)
        await store.save(checkpoint(applied={}, model=model(2)))
        newer = await store.get_model("default", 2)

    assert kept is not None
    assert newer is not None
    assert facts(kept) == facts(old)
    assert facts(newer) == facts(model(2))


async def test_only_so_many_models_are_kept_and_none_that_was_not_told(tmp_path: Path) -> None:
    async with open_store(tmp_path / "projection.sqlite", keep_models=3) as store:
        for version in range(1, 11):
            await store.save(checkpoint(applied={}, model=model(version)))
            if version != 2:
                await store.mark_announced("default", version)
        await store.save(checkpoint(collection="other", applied={}, model=model(1)))

        kept = [v for v in range(1, 11) if await store.get_model("default", v)]
        assert kept == [2, 8, 9, 10]
        assert await store.get_model("other", 1)


async def test_ids_of_batches_that_left_long_ago_go(tmp_path: Path) -> None:
    file = tmp_path / "projection.sqlite"
    async with open_store(file, keep_retracted_s=3600) as store:
        await store.save(checkpoint(applied={"a": 1, "b": 1, "c": 1, "d": 1}))
        await store.save(checkpoint(applied={}, retracted=["a", "b"], revision=2))
        sql = "UPDATE batches SET retracted_at = retracted_at - 3700 WHERE batch_id = 'a'"
        await store._db.execute(sql)  # type: ignore[attr-defined]
        await store.save(checkpoint(applied={}, retracted=["c"], revision=3))

        assert await store.known("default", "abcd") == {"b": False, "c": False, "d": True}


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "projection.sqlite"
    file.write_bytes(b"not a database, but long enough to look like something " * 100)

    with pytest.raises(ConfigurationError, match=r"projection\.sqlite"):
        async with open_store(file):
            pass


async def test_a_checkpoint_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "projection.sqlite"
    async with open_store(file) as store:
        await store.save(checkpoint(model=model()))
        with pytest.raises(sqlite3.IntegrityError):  # the model's version is taken
            await store.save(
                checkpoint(recount=whole(moments(9)), applied={"b": 6}, model=model())
            )

        assert (await store.load("default")).records == 3
        assert await store.known("default", ["b"]) == {}
        await store.save(checkpoint(recount=whole(moments(9)), applied={"b": 6}, model=model(2)))

    async with open_store(file) as store:
        assert (await store.load("default")).records == 9


async def test_a_disk_that_refuses_is_a_passing_failure(tmp_path: Path) -> None:
    file = tmp_path / "projection.sqlite"
    async with open_store(file) as store:
        await store.save(checkpoint())
        await store._db.execute("PRAGMA query_only = 1")  # type: ignore[attr-defined]
        with pytest.raises(TransientError, match="cannot be stored"):
            await store.save(checkpoint(recount=whole(moments(9)), applied={"b": 6}))
        await store._db.execute("PRAGMA query_only = 0")  # type: ignore[attr-defined]

        assert (await store.load("default")).records == 3
        await store.save(checkpoint(recount=whole(moments(9)), applied={"b": 6}))
        assert (await store.load("default")).records == 9


async def test_a_disk_that_fills_up_is_named_as_the_reason(tmp_path: Path) -> None:
    """SQLite takes back such a transaction by itself; a second rollback would be the error."""
    file = tmp_path / "projection.sqlite"
    async with open_store(file) as store:
        await store.save(checkpoint())
        largest = max(path.stat().st_size for path in tmp_path.iterdir())
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
            with pytest.raises(TransientError, match="disk"):
                await store.save(checkpoint(recount=whole(moments(9)), applied={"b": 6}))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        assert (await store.load("default")).records == 3
        await store.save(checkpoint(recount=whole(moments(9)), applied={"b": 6}))
        assert (await store.load("default")).records == 9


async def test_models_are_taken_over_unless_they_are_there(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(model=model(2)))
        other = replace(model(2), plane=model(9).plane)

        assert await store.adopt("default", [model(1), model(2)]) == 1
        assert await store.adopt("default", [model(1), other]) == 1

    async with opened() as store:
        first, second = [await store.get_model("default", version) for version in (1, 2)]
        assert first is not None
        assert second is not None
        assert facts(first) == facts(model(1))
        assert facts(second) == facts(other)
        assert (await store.load("default")).model is not None
        assert await store.unannounced("default") == []
