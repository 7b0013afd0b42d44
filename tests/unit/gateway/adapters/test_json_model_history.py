from pathlib import Path

import pytest

from services.gateway.adapters.json_model_history import JsonModelHistory
from shared.errors import TransientError
from tests.unit.gateway.builders import model, write_models


async def test_versions_are_numbers(tmp_path: Path) -> None:
    write_models(tmp_path / "default", model(2), model(10), model(1))
    (tmp_path / "default" / "models" / ".tmp-3.json").write_text("{")
    history = JsonModelHistory(tmp_path)

    assert await history.versions("default") == [10, 2, 1]
    assert await history.get("default", 10) == model(10)
    assert await history.get("default", 3) is None
    assert await history.versions("other") == []


async def test_a_model_that_was_deleted_is_not_remembered(tmp_path: Path) -> None:
    write_models(tmp_path / "default", model(1))
    history = JsonModelHistory(tmp_path)
    assert await history.get("default", 1)

    (tmp_path / "default" / "models" / "1.json").unlink()

    assert await history.get("default", 1) is None


async def test_a_damaged_model_is_told(tmp_path: Path) -> None:
    write_models(tmp_path / "default", model(1))
    (tmp_path / "default" / "models" / "1.json").write_text("{}")

    with pytest.raises(TransientError, match="damaged"):
        await JsonModelHistory(tmp_path).get("default", 1)
