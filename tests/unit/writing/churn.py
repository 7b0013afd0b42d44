"""A writer that never rests, to be killed: ``python -c ... FOLDER``."""

import asyncio
import random
import sys
from pathlib import Path

from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.handlers.models import apply_model, held_model
from tests.unit.writing.scenes import model, piece, write


async def churn(folder: Path) -> None:
    store = LanceDatasetStore(folder, compact_every=3, keep_versions_s=0)
    models = JsonModelArchive(folder / "models")
    held = await held_model(store=store, models=models)
    if held is None:
        held = model(1)
        await apply_model(held, store=store, models=models)
    version = held.version
    chance = random.Random()  # noqa: S311  no secret
    for number in range(100_000):
        source = f"s{chance.randint(0, 30)}"
        known = (await store.state()).sources.get(source)
        newest = known.current if known else 1
        pieces = [piece(source, newest + (number % 3 == 0), index, rows=3) for index in range(4)]
        await write(*pieces, store=store, models=models)
        await store.maintain()
        if number % 4 == 0:
            version += 1
            await apply_model(model(version), store=store, models=models)
        if number == 0:
            print("running", flush=True)  # noqa: T201  the test waits for it


def main() -> None:
    asyncio.run(churn(Path(sys.argv[1])))
