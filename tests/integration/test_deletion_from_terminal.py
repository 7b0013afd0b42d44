"""``mapstream collections delete``: nothing goes unless it is said that it is meant."""

import io
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from services.cli.commands.collection_deletion import delete
from services.cli.commands.collections import show_list
from services.cli.settings import BusOptions, CliSettings
from shared.contracts.commands import Create
from shared.errors import ConfigurationError, TransientError
from tests.integration.test_deleted_collections import (
    PATIENCE_S,
    STAGES,
    client,
    discovery,
    give,
    stage,
)
from tests.nats_server import NatsServer

pytestmark = pytest.mark.integration
__all__ = ("client",)


class Terminal(io.StringIO):
    """Somebody who types something."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def options(server: NatsServer, tmp_path: Path) -> BusOptions:
    folder = tmp_path / "out" / "gone"
    folder.mkdir(parents=True)
    (folder / "logs.parquet").write_bytes(b"x" * 1234)
    return BusOptions(url=server.url, output=tmp_path / "out", collection="gone")


async def asked(options: BusOptions, *, is_sure: bool = False) -> int:
    settings = CliSettings()
    return await delete("gone", options, settings, is_sure=is_sure, timeout_s=PATIENCE_S)


async def test_it_says_what_goes_and_asks_for_the_name(
    server: NatsServer, client: Client, options: BusOptions, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(discovery(server, tmp_path))
        for name in STAGES:
            await stack.enter_async_context(stage(server, name).running())
        await give(client, "gone", Create(title="Of January"), PATIENCE_S)

        monkeypatch.setattr("sys.stdin", io.StringIO("gone\n"))
        with pytest.raises(ConfigurationError, match="say --yes"):
            await asked(options)
        monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
        not_meant = await asked(options)
        there = await state_of(options, capsys)
        monkeypatch.setattr("sys.stdin", Terminal("gone\n"))
        meant = await asked(options)
        told = capsys.readouterr()
        with pytest.raises(TransientError, match="there is no collection 'gone'"):
            await asked(options)
        again = await asked(options, is_sure=True)

    assert (not_meant, meant, again) == (1, 0, 5)
    assert there == "active"
    assert "gone, called Of January" in told.err
    assert "1,234 in" in told.err
    assert "the files that it was read from" in told.err
    assert "deleted" in told.out


async def state_of(options: BusOptions, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    as_json = BusOptions(url=options.url, is_json=True)
    with capture_logs():  # the services beside it would write theirs between
        await show_list(as_json, CliSettings())
    listed = json.loads(capsys.readouterr().out)["collections"]
    return next(one["state"] for one in listed if one["name"] == "gone")
