from pathlib import Path

import pytest

from services.cli.commands.connection import candidates, local_url, without_tls
from services.cli.settings import BusOptions
from shared.settings import NatsSection

CONFIGURED = NatsSection(url="nats://configured")


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mapstream-out"
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "nats.url").write_text("nats://local\n")
    return folder


def found(options: BusOptions) -> list[str]:
    return list(candidates(options, CONFIGURED))


def test_a_url_is_the_only_one_that_is_tried(run_folder: Path) -> None:
    assert found(BusOptions(url="nats://named", output=run_folder)) == ["nats://named"]


def test_a_folder_that_is_named_is_the_only_one_that_is_tried(run_folder: Path) -> None:
    """A refit must not reach another map because the run it was meant for has ended."""
    assert found(BusOptions(output=run_folder)) == ["nats://local"]
    assert found(BusOptions(output=run_folder / "other")) == []


@pytest.mark.usefixtures("run_folder")
def test_a_run_in_the_default_folder_goes_before_the_configuration() -> None:
    assert found(BusOptions()) == ["nats://local", "nats://configured"]


def test_without_a_run_it_is_the_configured_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert found(BusOptions()) == ["nats://configured"]


def test_the_files_for_tls_are_not_for_the_bus_of_a_local_run(run_folder: Path) -> None:
    section = NatsSection(tls_ca=Path("a"), tls_cert=Path("c"), tls_key=Path("k"))

    assert local_url(BusOptions(output=run_folder)) == "nats://local"
    assert local_url(BusOptions(output=run_folder / "other")) is None
    assert without_tls(section) == NatsSection()
