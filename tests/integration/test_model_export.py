"""``mapstream model`` on a real bus, on whose subject anybody may have published anything."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import skops.io
from nats.js import JetStreamContext

from services.cli.commands.model import Export, export, show_list
from services.cli.settings import BusOptions, CliSettings
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.contracts.model_document import ModelDocument
from shared.contracts.projection import ProjectionModel, ProjectionUpdated
from shared.errors import ConfigurationError, TransientError
from tests.builders import NOW, projection_model
from tests.nats_server import NatsServer

pytestmark = pytest.mark.integration

VECTORS = np.random.default_rng(3).normal(size=(20, 5)).astype(np.float32)
SUBJECT = PROJECTION_UPDATED.subject("default")


def version(number: int) -> ProjectionModel:
    return projection_model(VECTORS[: 9 + number], version=number)


def event(model: ProjectionModel) -> bytes:
    told = ProjectionUpdated(
        id=f"projection.updated:{model.version}", collection="default", occurred_at=NOW,
        model=model, movement=None, decision=None,
    )  # fmt: skip
    return told.model_dump_json().encode()


async def tell(js: JetStreamContext, *bodies: bytes) -> None:
    for body in bodies:
        await js.publish(SUBJECT, body)


async def exported(server: NatsServer, folder: Path, number: int | None = None) -> ModelDocument:
    file = folder / "model.json"
    wish = Export(file=file, form=None, version=number, may_replace=True)
    await export(wish, BusOptions(url=server.url), CliSettings(), None)
    return ModelDocument.model_validate_json(file.read_bytes())


async def test_the_newest_and_any_kept_version_come_from_the_bus(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await tell(js, *(event(version(number)) for number in (1, 2, 3)))

    assert await exported(server, tmp_path) == ModelDocument.of(version(3))
    assert await exported(server, tmp_path, 1) == ModelDocument.of(version(1))
    with pytest.raises(TransientError, match=r"no version 4 .* kept: 1, 2, 3"):
        await exported(server, tmp_path, 4)


async def test_what_the_bus_gave_places_vectors(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await tell(js, event(version(1)))
    wish = Export(file=tmp_path / "m.skops", form=None, version=None, may_replace=False)

    await export(wish, BusOptions(url=server.url), CliSettings(), None)

    found = skops.io.load(tmp_path / "m.skops").transform(VECTORS)
    np.testing.assert_allclose(found, version(1).plane().project(VECTORS), rtol=0, atol=1e-6)


async def test_after_a_state_was_lost_the_newest_of_a_version_counts(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    """Versions begin again at 1."""
    again = projection_model(VECTORS, version=1)
    await tell(js, event(version(1)), event(version(2)), event(again))

    assert await exported(server, tmp_path) == ModelDocument.of(again)
    assert await exported(server, tmp_path, 1) == ModelDocument.of(again)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{not json", "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b'{"id": "x"}', "model: Field required"),
        (event(version(2)).replace(b'"dimension":5', b'"dimension":4'), "model: mean holds 5"),
        (
            event(version(2)).replace(b'"collection":"default"', b'"collection":"other"'),
            "model.collection: is other",
        ),
    ],
    ids=["no JSON", "empty", "no model", "sizes", "of another collection"],
)
async def test_the_newest_message_is_never_passed_over_in_silence(
    body: bytes,
    words: str,
    server: NatsServer,
    js: JetStreamContext,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An older model would be exported as the current one, and points would lie elsewhere."""
    await tell(js, event(version(1)), body)

    with pytest.raises(ConfigurationError, match=words) as told:
        await exported(server, tmp_path)
    assert str(told.value).startswith(f"{SUBJECT}, message 2: ")
    assert "--version" in str(told.value)
    assert not (tmp_path / "model.json").exists()

    assert (await exported(server, tmp_path, 1)).version == 1
    capsys.readouterr()
    await show_list(BusOptions(url=server.url, is_json=True), CliSettings(), None)
    listed = capsys.readouterr()
    assert [one["version"] for one in json.loads(listed.out)["items"]] == [1]
    assert words in listed.err


async def test_before_there_is_a_model_or_a_bus_the_files_may_help(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await js.publish(PROJECTION_UPDATED.subject("other"), event(version(1)))
    with pytest.raises(TransientError, match=r"no model of collection default .*--from-dataset"):
        await exported(server, tmp_path)

    await server.stop()
    with pytest.raises(TransientError, match=r"no NATS server answers .*--from-dataset"):
        async with asyncio.timeout(60):
            await exported(server, tmp_path)
