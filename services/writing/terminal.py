"""The shell for the terminal: ``python -m services.writing.terminal`` mends a dataset.

What is asked for comes as JSON on the standard input, and the answer goes the other way.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.writing.adapters.json_identity import claim_folder
from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.parquet_output_writer import ParquetOutputWriter
from services.writing.adapters.sqlite_staging import SqliteStaging
from services.writing.handlers.publish import publish
from services.writing.ports import DatasetStore, ModelArchive
from services.writing.settings import Settings
from shared.clock import SystemClock
from shared.errors import MapstreamError
from shared.locking import own_at_once
from shared.mistakes import tell
from shared.redaction import guard_exceptions

KEPT_S = 10 * 365 * 86_400
"""Here no replaced version of the dataset is deleted: somebody may look for one of them."""


async def mend(wanted: dict[str, Any]) -> dict[str, Any]:
    """Mend the dataset of a collection, or write its public files anew, while nobody owns it.

    Args:
        wanted: The collection; what to do: ``drop repeats``, ``discard staged`` of ``versions`` by
            source id, ``place`` or ``publish``.

    Raises:
        ConfigurationError: The service still runs, or the folder is another's.
        TransientError: Something could not be read or written.
    """
    section, name = Settings.load().output, wanted["collection"]
    folder = section.folder / name
    with own_at_once(folder, "writing"):
        claim_folder(folder, name)
        store = LanceDatasetStore(
            folder, compact_every=section.compact_every, keep_versions_s=KEPT_S
        )
        if wanted["do"] == "discard staged":
            return await discard_staged(folder, wanted["versions"])
        if wanted["do"] == "drop repeats":
            return asdict(await store.drop_repeats())
        models = JsonModelArchive(folder / "models", keep=section.keep_models)
        if wanted["do"] == "place":
            return {"version": await place(store, models)}
        event = await publish(
            name,
            store=store,
            models=models,
            output=ParquetOutputWriter(folder, has_embeddings=section.embeddings),
            clock=SystemClock(),
            anew=True,
        )
        return {"records": event.records if event else 0}


async def discard_staged(folder: Path, versions: Mapping[str, int]) -> dict[str, Any]:
    """Let go of what waits of sources up to these versions.

    Raises:
        TransientError: It could not be read or written.
    """
    staging = SqliteStaging(folder)
    try:
        await staging.change([], versions)
    finally:
        await staging.close()
    return {"sources": len(versions)}


async def place(store: DatasetStore, models: ModelArchive) -> int:
    """Give every row the coordinates of the newest model; return its version, 0 if there is none.

    Raises:
        InvalidMessage: The model is of another dimension than the rows.
        TransientError: Something could not be read or written; every row is where it was.
    """
    model = await models.newest()
    if model is None:
        return 0
    work = await store.reproject(model.plane(), model.version)
    while await work.step():
        pass
    await work.finish()
    return model.version


def main() -> None:
    """Do what is asked for."""
    guard_exceptions()
    try:
        answer = asyncio.run(mend(json.load(sys.stdin)))
    except MapstreamError as error:
        sys.exit(tell(error))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
