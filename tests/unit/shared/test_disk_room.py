"""A disk without room is waited for; what else it refuses is told at once."""

import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared import disk_room, ownership
from shared.disk_room import when_there_is_room
from shared.errors import TransientError
from shared.locking import exclusive_owner
from shared.ownership import own


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_room, "RETRY_S", 0.001)


class Refusing:
    """Refuses what it is asked for, some times over."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def refused(code: int) -> TransientError:
    error = TransientError("refused")
    error.__cause__ = OSError(code, "refused")
    return error


async def test_a_full_disk_is_waited_for_and_told() -> None:
    work = Refusing(OSError(errno.ENOSPC, ""), OSError(errno.EDQUOT, ""), refused(errno.ENOSPC))
    with capture_logs() as told:
        await when_there_is_room("making a folder", work)

    assert work.errors == []
    assert [one["event"] for one in told] == ["disk.full"] * 3


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, ""), refused(errno.EIO), TransientError("away")]
)
async def test_what_else_is_refused_is_not_waited_for(error: Exception) -> None:
    with pytest.raises(type(error)):
        await when_there_is_room("making a folder", Refusing(error))


async def test_a_folder_that_cannot_be_made_yet_is_owned_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Refusing(OSError(errno.ENOSPC, ""))

    @asynccontextmanager
    async def owner(folder: Path, **options: object) -> AsyncIterator[None]:
        await disk()
        async with exclusive_owner(folder, **options):  # type: ignore[arg-type]
            yield

    monkeypatch.setattr(ownership, "exclusive_owner", owner)
    async with AsyncExitStack() as stack:
        await own(stack, [tmp_path / "one"], lambda _: None)

        assert (tmp_path / "one" / "owner.lock").exists()
