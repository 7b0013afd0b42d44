"""Schedules in the words of an administration page that syncs suppliers.

A supplier that is synced is a URL with a schedule; to trigger a sync is to run schedules by hand.
"""

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.ports.collections import CollectionBook
from services.gateway.ports.schedules import ScheduleBook
from services.gateway.routes.collections import NO_COLLECTION
from services.gateway.routes.group_aliases import ALIASES
from services.gateway.routes.parameters import Collection, Served
from services.gateway.routes.schedules import (
    STATUSES,
    WHY_429,
    ScheduleEndpoints,
    ScheduleRequest,
)
from shared.contracts.fetching import FetchedUrl
from shared.contracts.preferences import SOMEBODY
from shared.contracts.schedules import (
    MOST_SCHEDULES,
    ChangeSchedule,
    ListSchedules,
    ScheduleRecord,
)
from shared.contracts.uploads import FileName
from shared.http.access import By, OperateRoute, check_fields
from shared.http.problems import ProblemError, responses

TRIGGER, SUPPLIERS = "/api/admin/sync/trigger", "/api/admin/suppliers"
WHY_400 = "The collection goes through an analysis service, or does not, other than wanted."
WHY_404 = "There is no such supplier, or none at all."
WHY_409 = "Each of them is fetched already."
MOST_REASONS = 10
NO_SUPPLIER = "'{}' is no supplier of '{}'; POST /api/admin/suppliers makes one"
NO_SUPPLIERS = "'{}' has no suppliers; POST /api/admin/suppliers makes one"
OTHERWISE = (
    "use_ml_processing is one for the whole collection: PATCH /api/collections/{} with "
    '{{"is_analyzed": {}}} first'
)


class NewSupplier(BaseModel):
    """A URL that is fetched every few hours, for the first time at once."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: FileName = Field(description="What its source is called.")
    source_type: Literal["google_sheets", "csv", "excel", "url"] = Field(
        default="url", description="What lies there; its content tells, whatever is said here."
    )
    source_url: FetchedUrl = Field(description="Where it lies.")
    use_ml_processing: bool | None = Field(
        default=None, description="As its collection has it; null: however that is."
    )


class SupplierMade(BaseModel):
    """A supplier."""

    id: str = Field(description="Its id, that of its schedule.")
    name: str = Field(description="What its source is called.")
    source_url: str = Field(description="Where it lies.")
    use_ml_processing: bool = Field(description="Whether it goes through an analysis service.")


class TriggerRequest(BaseModel):
    """Which suppliers are synced now."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    supplier_ids: list[str] | None = Field(
        default=None, max_length=MOST_SCHEDULES, description="Their ids; null: all of them."
    )


class TriggeredSync(BaseModel):
    """A sync that has begun."""

    task_id: str = Field(description="The first job of it, as `GET /api/jobs/{job}` knows it.")
    status: Literal["queued"] = Field(default="queued", description="Its jobs have their turn.")
    message: str = Field(description="How many are fetched, and why others are not.")


class SupplierEndpoints:
    """Says in other words what the endpoints of schedules say."""

    def __init__(self, served: Served, collections: CollectionBook, book: ScheduleBook) -> None:
        self._served = served
        self._collections = collections
        self._book = book
        self._schedules = ScheduleEndpoints(served, book)

    async def add(
        self, by: By, body: NewSupplier, *, collection: Collection = None
    ) -> SupplierMade:
        """Have a URL fetched every eight hours, `POST /api/schedules` in other words."""
        name = self._served.one(collection)
        record = await self._collections.find(name)
        if record is None:
            raise ProblemError(404, NO_COLLECTION.format(name))
        if body.use_ml_processing not in (None, record.is_analyzed):
            wanted = "true" if body.use_ml_processing else "false"
            raise ProblemError(400, OTHERWISE.format(name, wanted))
        wish = ScheduleRequest(url=body.source_url, filename=body.name)
        made = await self._schedules.add(by, wish, collection=name)
        return SupplierMade(
            id=made.id,
            name=body.name,
            source_url=made.url,
            use_ml_processing=record.is_analyzed,
        )

    async def trigger(
        self, by: By, body: TriggerRequest | None = None, *, collection: Collection = None
    ) -> TriggeredSync:
        """Fetch suppliers now, `POST /api/schedules/{schedule}/run` of each in other words.

        However many they are, that is one run by hand; each has its turn.
        """
        name = self._served.one(collection)
        ids = tuple(one.id for one in await self._wanted(name, body))
        wish = ChangeSchedule(action="run", schedules=ids, by=by or SOMEBODY)
        done = await self._book.change(wish)
        if done.outcome != "done":
            raise ProblemError(STATUSES.get(done.outcome, 409), done.reason or "")
        jobs, others = done.jobs, done.reasons[:MOST_REASONS]
        more = len(done.reasons) - len(others)
        told = [f"{len(jobs):,} {'supplier is' if len(jobs) == 1 else 'suppliers are'} fetched"]
        told += [*others, *([f"and {more:,} others"] if more else [])]
        return TriggeredSync(task_id=next(iter(jobs), ""), message="; ".join(told))

    async def _wanted(self, name: str, body: TriggerRequest | None) -> list[ScheduleRecord]:
        known = (await self._book.tell(ListSchedules(collection=name))).items
        if not known:
            raise ProblemError(404, NO_SUPPLIERS.format(name))
        if body is None or body.supplier_ids is None:
            return list(known)
        by_id = {one.id: one for one in known}
        for one in body.supplier_ids:
            if one not in by_id:
                raise ProblemError(404, NO_SUPPLIER.format(one, name))
        return [by_id[one] for one in dict.fromkeys(body.supplier_ids)]


def build_supplier_router(endpoints: SupplierEndpoints) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=[ALIASES], route_class=OperateRoute)
    for path, endpoint, answer, status in (
        (SUPPLIERS, endpoints.add, SupplierMade, 201),
        (TRIGGER, endpoints.trigger, TriggeredSync, 202),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            status_code=status,
            response_model=answer,
            responses=responses(
                400,
                404,
                409,
                413,
                429,
                503,
                s400=WHY_400,
                s404=WHY_404,
                s409=WHY_409,
                s429=WHY_429,
            ),
            dependencies=[Depends(check_fields)],
        )
    return router
