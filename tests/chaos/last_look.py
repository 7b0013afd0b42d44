"""The end of a run of pairs: a last fit, every version that was kept, and what has to go."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, DeliverPolicy

from tests.chaos import inside, oracle
from tests.chaos.acting import Actor
from tests.chaos.comparing import Deviation
from tests.chaos.pair_checks import LOOK_S
from tests.chaos.public_files import arrays_of, read_files
from tests.chaos.subjects import LIMITS
from tests.chaos.world import PATIENCE_S

MOVEMENT_TOLERANCE = 0.02
KEEP_MODELS = 10
SHORT = {
    "MAPSTREAM_OUTPUT__KEEP_VERSIONS_S": "0.5",
    "MAPSTREAM_OUTPUT__KEEP_MODELS": str(KEEP_MODELS),
    "MAPSTREAM_PROJECTION__KEEP_MODELS": str(KEEP_MODELS),
}
"""How long what is kept, at the end of a run: then nearly all of it has to go."""


@dataclass(slots=True)
class LastLook:
    """Looks at a world that is at rest."""

    actor: Actor
    patience_s: float
    versions: int = 0
    """How many were opened."""

    async def deviations(self) -> list[Deviation]:
        """Open all versions, have the old ones and the old models go, and fit once more."""
        world, found = self.actor.world, list[Deviation]()
        mapped = [name for name in world.collections if self._is_mapped(name)]
        old = {name: inside.version_numbers(world.output, name) for name in mapped}
        for name in mapped:
            texts = await asyncio.to_thread(lambda name=name: list(self._versions(name)))
            found += [Deviation("versions", f"{name}: {text}") for text in texts]
        for service in ("projection", "writing"):
            await world.restart_with(service, SHORT)
        for name in mapped:
            found += [Deviation("fit", f"{name}: {text}") async for text in self._last_fit(name)]
            texts = await self._kept(name, old[name])
            found += [Deviation("kept", f"{name}: {text}") for text in texts]
        return found

    def _is_mapped(self, collection: str) -> bool:
        try:
            return bool(read_files(self.actor.world.output / collection)[0].rows)
        except FileNotFoundError:
            return False

    def _versions(self, collection: str) -> Iterator[str]:
        contents = {
            one.name: [oracle.read_log(data, one.name, limit)
                       for data in one.contents for limit in LIMITS]
            for one in self.actor.subjects.of(collection)
        }  # fmt: skip
        numbers = inside.version_numbers(self.actor.world.output, collection)
        if numbers != set(range(1, max(numbers) + 1)):
            yield f"{max(numbers) - len(numbers)} versions went before their time"
        for version in inside.every_version(self.actor.world.output, collection):
            self.versions += 1
            faults = list(oracle.faults_of_version(version.rows))
            if version.new is not None:
                spaces = self.actor.spaces
                faults += oracle.faults_of_kept_rows(version.new, contents, spaces)
            yield from (f"version {version.number}: {text}" for text in faults)

    async def _kept(self, collection: str, old: Collection[int]) -> list[str]:
        """Wait until the versions of before are gone, and all models but the last ones."""
        end_s, problems = time.monotonic() + self.patience_s, ["nothing was looked at"]
        while problems and time.monotonic() < end_s:
            await asyncio.sleep(LOOK_S)
            self.actor.subjects.begin("late", 3, is_slow=False)  # versions go as others come
            problems = await asyncio.to_thread(lambda: list(self._too_much(collection, old)))
        return problems

    def _too_much(self, collection: str, old: Collection[int]) -> Iterator[str]:
        output = self.actor.world.output
        if left := inside.version_numbers(output, collection).intersection(old):
            yield f"the versions {sorted(left)[:5]} are still there"
        models = len(inside.archived(output, collection))
        if models > KEEP_MODELS:
            yield f"{models} models are kept, not {KEEP_MODELS}"

    async def _last_fit(self, collection: str) -> AsyncIterator[str]:
        folder = self.actor.world.output / collection
        before, _ = await asyncio.to_thread(read_files, folder)
        event = await self._refit(collection)
        if event is None:
            yield "a refit was not answered"
            return
        after = await self._moved(folder, event["model"]["version"])
        if after is None:
            yield f"the files are still not of model {event['model']['version']}"
            return
        for one in faults_of_fit(before, after, event):
            yield one

    async def _refit(self, collection: str) -> Mapping[str, Any] | None:
        """Command a refit and wait for the event that says what became of it."""
        js = self.actor.world.client.jetstream(timeout=5)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
        told = await js.pull_subscribe(
            f"projection.updated.{collection}", stream="EVENTS", config=config
        )
        body = {"force": True, "correlation_id": f"last-{collection}"}
        await js.publish(f"command.refit.{collection}", json.dumps(body).encode())
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    for message in await told.fetch(1, timeout=PATIENCE_S):
                        await message.ack()
                        event = json.loads(message.data)
                        if event.get("correlation_id") == body["correlation_id"]:
                            return event
        except (TimeoutError, NatsError):
            return None
        finally:
            await told.unsubscribe()

    async def _moved(self, folder: Path, version: int) -> oracle.Stored | None:
        end_s = time.monotonic() + self.patience_s
        while time.monotonic() < end_s:
            await asyncio.sleep(LOOK_S)
            try:
                after, model = await asyncio.to_thread(read_files, folder)
            except (OSError, pa.ArrowException):
                continue
            if model and model["version"] == version:
                return after
        return None


def faults_of_fit(
    before: oracle.Stored, after: oracle.Stored, event: Mapping[str, Any]
) -> Iterator[str]:
    """Compare a model that was just fitted with the map that it was fitted to."""
    mean, components = arrays_of(event["model"])
    yield from oracle.faults_of_points(after, mean, components)
    ratio = event["model"]["explained_variance_ratio"]
    yield from oracle.faults_of_plane(after, components, ratio)
    measured, told = oracle.movement(before, after), (event.get("movement") or {}).get("rms")
    size = float(np.abs(after.points).max())
    if told is None or abs(told - measured) > MOVEMENT_TOLERANCE * max(told, 1e-3 * size):
        yield f"points moved by {measured:.5g}, {told} was announced"
