"""Schedules, preferences, manifests and decisions, changed while discovery is killed.

Each wish has a name of its own, under which its effect is noted. Who gets no answer does not know
what became of it; the notes do: what is kept in the end has to be what follows from them, in their
order.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from nats.aio.client import Client

from shared.bus.reading.manifests import ManifestBook
from shared.bus.reading.matches import DecisionBook
from shared.bus.reading.preferences import PreferenceBook
from shared.bus.reading.schedules import ScheduleBook
from shared.contracts.jobs import Effect
from shared.contracts.manifests import ChangeManifest, ListManifests
from shared.contracts.matches import DecideMatches, ListDecisions
from shared.contracts.preferences import ListPreferences, SetPreferences
from shared.contracts.schedules import ChangeSchedule, ListSchedules
from shared.errors import TransientError
from tests.e2e.bringing import Bringing
from tests.e2e.deaths import Deaths
from tests.e2e.local_run import PATIENCE_S, LiveRun

COLLECTION, OTHER = "default", "other"
SCHEDULED = tuple(f"scheduled-{number}.csv" for number in range(3))
LISTED = tuple(f"listed-{number}.csv" for number in range(3))
LISTS = ("first list", "second list")
PAIRS = tuple(number * 32 for number in "abc")
COLUMNS = (("note",), ("row",), ("note", "row"), ("row", "note"))
KINDS = ("schedule", "preferences", "manifest", "match")
AT_ONCE = 6
"""So many wishes are given one after the other."""
SOON_S = 0.03
"""A kill comes within so many seconds of a wish: before, in and after what it does."""
Kept = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What was wished for, and whether that was done; nobody knows if there was no answer."""

    kind: str
    action: str
    of: str
    value: Any
    is_done: bool | None


@dataclass
class Keeping:
    """What is wished for by chance."""

    client: Client
    bytes: Bringing
    dice: random.Random
    wishes: dict[str, Wish] = field(default_factory=dict)
    """By the name of who wished."""

    async def begin(self, run: LiveRun) -> None:
        """Have something to match with; behind the URLs there is nothing."""
        for name in (*SCHEDULED, *LISTED):
            self.bytes.server.replies[f"/{name}"] = self.bytes.serve
            self.bytes.away.add(name)
        await run.http()
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            made = await http.post("/api/collections", json={"name": OTHER})
        assert made.status_code == 201, made.text

    async def give(self, deaths: Deaths) -> None:
        """Wish for something of each kind, and kill discovery on the way of one of them."""
        killed_at = self.dice.randrange(AT_ONCE)
        for number in range(AT_ONCE):
            kind = KINDS[len(self.wishes) % len(KINDS)]
            wishing = asyncio.ensure_future(self._wish(kind))
            if number == killed_at:
                await asyncio.sleep(self.dice.uniform(0, SOON_S))
                await deaths.kill("discovery")
            await wishing

    async def _wish(self, kind: str) -> None:
        by = f"wish {len(self.wishes)}"
        if kind == "schedule":
            await self._schedule(by)
        elif kind == "preferences":
            await self._prefer(by)
        elif kind == "manifest":
            await self._list(by)
        else:
            await self._decide(by)

    async def _schedule(self, by: str) -> None:
        book = ScheduleBook(self.client)
        known = {one.url: one.id for one in (await patient(book.tell, ListSchedules())).items}
        url = self.bytes.server.url(f"/{self.dice.choice(SCHEDULED)}")
        said: Kept = {"by": by, "action": "add", "collection": COLLECTION, "url": url}
        if url in known:
            action = self.dice.choice(("change", "change", "remove"))
            said = {"by": by, "action": action, "schedule": known[url]}
        hours = {"every_hours": self._hours()} if said["action"] != "remove" else {}
        wish = ChangeSchedule.model_validate(said | hours)
        done = await answered(book.change, wish)
        is_done = None if done is None else done.outcome == "done"
        self.wishes[by] = Wish("schedule", wish.action, url, wish.every_hours, is_done)

    async def _list(self, by: str) -> None:
        book = ManifestBook(self.client)
        known = {one.name: one.id for one in (await patient(book.tell, ListManifests())).items}
        name = self.dice.choice(LISTS)
        said: Kept = {"by": by, "action": "apply", "collection": COLLECTION, "name": name}
        if name in known and self.dice.random() < 0.6:
            action = self.dice.choice(("change", "remove"))
            said = {"by": by, "action": action, "manifest": known[name]}
        if said["action"] == "apply":
            some = self.dice.sample(LISTED, 2)
            urls = [{"name": one, "url": self.bytes.server.url(f"/{one}")} for one in some]
            said["content"] = json.dumps(urls)
        hours = {"every_hours": self._hours()} if said["action"] != "remove" else {}
        wish = ChangeManifest.model_validate(said | hours)
        done = await answered(book.change, wish)
        is_done = None if done is None else done.outcome == "done"
        self.wishes[by] = Wish("manifest", wish.action, name, wish.every_hours, is_done)

    async def _prefer(self, by: str) -> None:
        columns = self.dice.choice(COLUMNS)
        wish = SetPreferences(collection=COLLECTION, text_columns=columns, by=by)
        done = await answered(PreferenceBook(self.client).choose, wish)
        now = done.preferences if done else None
        is_done = None if done is None else now is not None and now.updated_by == by
        self.wishes[by] = Wish("preferences", "change", COLLECTION, columns, is_done)

    async def _decide(self, by: str) -> None:
        record, decision = self.dice.choice(PAIRS), self.dice.choice(("accept", "reject", "undo"))
        pair = {"id": record, "other_id": record, "texts": "0" * 64}
        said = {"collection": COLLECTION, "other": OTHER, "pairs": [pair], "decision": decision}
        wish = DecideMatches.model_validate({**said, "by": by})
        done = await answered(DecisionBook(self.client).decide, wish)
        is_done = None if done is None else done.items[0].is_changed
        self.wishes[by] = Wish("match", decision, record, decision, is_done)

    def _hours(self) -> int:
        """Give a period that is another one than that of the wish before."""
        return 1 + len(self.wishes) % 168

    async def until_decided(self) -> None:
        """Wait until no slot is due and no list is being applied: either may queue jobs."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                schedules = (await patient(ScheduleBook(self.client).tell, ListSchedules())).items
                manifests = (await patient(ManifestBook(self.client).tell, ListManifests())).items
                now = datetime.now(UTC)
                is_due = any(one.next_at <= now for one in (*schedules, *manifests))
                is_applied = all(run.state != "running" for one in manifests for run in one.runs)
                if is_applied and not is_due:
                    return
                await asyncio.sleep(0.1)

    async def kept(self) -> dict[str, Kept]:
        """Read what is kept of each kind."""
        schedules = await ScheduleBook(self.client).tell(ListSchedules())
        manifests = await ManifestBook(self.client).tell(ListManifests())
        told = await PreferenceBook(self.client).tell(ListPreferences(collection=COLLECTION))
        asked = ListDecisions(collection=COLLECTION, other=OTHER)
        decisions = await DecisionBook(self.client).tell(asked)
        return {
            "schedule": {one.url: one.every_hours for one in schedules.items},
            "manifest": {one.name: one.every_hours for one in manifests.items},
            "preferences": {COLLECTION: told.active.text_columns} if told.active else {},
            "match": {one.id: one.decision for one in decisions.items},
        }


async def patient(ask: Callable[[Any], Awaitable[Any]], question: Any) -> Any:
    """Ask until there is an answer."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await answered(ask, question)) is None:
            await asyncio.sleep(0.1)
        return answer


async def answered(ask: Callable[[Any], Awaitable[Any]], question: Any) -> Any:
    """Ask once; none if nobody answered, whatever was done."""
    try:
        return await ask(question)
    except TransientError:
        return None


def check_wishes(
    wishes: dict[str, Wish], effects: Sequence[Effect], kept: dict[str, Kept]
) -> None:
    """What was done was noted once, what was not never; what is kept follows from the notes."""
    assert {one.kind for one in wishes.values()} == set(KINDS)
    noted = defaultdict[str, list[Effect]](list)
    follows: dict[str, Kept] = {kind: {} for kind in KINDS}
    for one in sorted(effects, key=lambda effect: effect.number):
        if one.who not in wishes or one.kind not in KINDS or one.action == "end":
            continue
        wish, now = wishes[one.who], follows[one.kind]
        if one.kind == "manifest" and one.filename != wish.of:
            continue  # one that is listed no longer
        noted[one.who].append(one)
        assert one.kind == wish.kind
        assert one.action == action_of(wish, wish.of in now), (one, wish)
        if one.action == "remove":
            del now[wish.of]
        else:
            now[wish.of] = wish.value
    for by, wish in wishes.items():
        allowed = (0, 1) if wish.is_done is None else (int(wish.is_done),)
        assert len(noted[by]) in allowed, (by, wish, noted[by])
    assert follows == kept


def action_of(wish: Wish, is_there: bool) -> str:
    """Say what a note about a wish must call it, by what there was before."""
    if wish.action in ("remove", "undo"):
        return "remove"
    return "change" if is_there or wish.kind == "preferences" else "add"
