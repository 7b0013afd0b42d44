"""How writing takes up a collection."""

from pathlib import Path

from structlog.testing import capture_logs

from services.writing.app import Writing
from services.writing.settings import OutputSection, Settings
from shared.bus.broker import build_bus
from shared.settings import NatsSection


async def test_it_begins_on_a_full_disk_as_soon_as_there_is_room(tmp_path: Path) -> None:
    settings = Settings(output=OutputSection(folder=tmp_path))
    writing = Writing(settings, build_bus(NatsSection(), "writing"))
    (tmp_path / "default").mkdir()
    # It is gone when the writing of it has failed.
    (tmp_path / "default" / ".tmp-format.json").symlink_to("/dev/full")

    with capture_logs() as told:
        async with writing.open() as resources, resources.open("default"):
            assert (tmp_path / "default" / "format.json").exists()

    assert [one["event"] for one in told] == ["disk.full"]
