import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli.settings import (
    CliSettings,
    RunOptions,
    has_own_embedder,
    load_cli_settings,
    service_environment,
)
from shared.errors import ConfigurationError
from shared.settings import CONFIG_VARIABLE


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, "")  # so that what a test sets is undone after it
    monkeypatch.delenv(CONFIG_VARIABLE)


def options(tmp_path: Path, *paths: Path) -> RunOptions:
    return RunOptions(
        paths=paths, output=tmp_path / "out", collection="mine", glob="*.log", is_once=False,
        is_json=False, is_dry=False,
    )  # fmt: skip


def environment(
    options: RunOptions, settings: CliSettings | None = None, port: int | None = 9
) -> dict[str, str]:
    return service_environment(
        options, settings or CliSettings(), nats_url="nats://here", text2vec_port=port
    )


def test_what_the_run_decides_goes_before_the_users_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_NATS__URL", "nats://elsewhere")
    monkeypatch.setenv("MAPSTREAM_OUTPUT__FOLDER", "/elsewhere")
    monkeypatch.setenv("MAPSTREAM_COLLECTIONS", '["other"]')

    made = environment(options(tmp_path, tmp_path))

    assert made["MAPSTREAM_NATS__URL"] == "nats://here"
    assert made["MAPSTREAM_OUTPUT__FOLDER"] == str(tmp_path / "out")
    assert made["MAPSTREAM_STATE__FOLDER"] == str(tmp_path / "out" / "state")
    assert json.loads(made["MAPSTREAM_COLLECTIONS"]) == ["mine"]
    assert json.loads(made["MAPSTREAM_INGESTION__SOURCES"]) == [
        {"path": str(tmp_path), "glob": "*.log", "collection": "mine"}
    ]


def test_the_runs_bus_has_a_login_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CliSettings()
    monkeypatch.setenv("MAPSTREAM_NATS__USER", "me-elsewhere")
    monkeypatch.setenv("MAPSTREAM_NATS__PASSWORD_FILE", "/elsewhere/password")

    made = service_environment(
        options(tmp_path, tmp_path), settings, nats_url="nats://here", text2vec_port=None,
        nats_login=("mapstream", "planted"),
    )  # fmt: skip

    assert (made["MAPSTREAM_NATS__USER"], made["MAPSTREAM_NATS__PASSWORD"]) == (
        "mapstream", "planted",
    )  # fmt: skip
    assert "MAPSTREAM_NATS__PASSWORD_FILE" not in made


def test_the_runs_bus_is_spoken_to_without_the_users_files_for_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("nats: {tls_ca: ca.pem, tls_cert: c.pem, tls_key: k.pem}")
    made = service_environment(
        options(tmp_path, tmp_path), CliSettings(), nats_url="nats://here", text2vec_port=None,
        nats_login=("mapstream", "planted"),
    )  # fmt: skip
    for name, value in (made | {"MAPSTREAM_CONFIG": str(file)}).items():
        monkeypatch.setenv(name, value)

    nats = CliSettings.load().nats

    assert (nats.tls_ca, nats.tls_cert, nats.tls_key) == (None, None, None)


def test_all_other_variables_of_the_user_reach_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_PROJECTION__ALIGN", "false")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")

    made = environment(options(tmp_path, tmp_path))

    assert made["MAPSTREAM_PROJECTION__ALIGN"] == "false"
    assert made["OMP_NUM_THREADS"] == "7"


def test_a_path_that_is_a_link_stays_one(tmp_path: Path) -> None:
    """It is followed at every look, as one in the configuration is."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "latest"
    link.symlink_to("real")

    made = environment(options(tmp_path, link))
    (source,) = json.loads(made["MAPSTREAM_INGESTION__SOURCES"])
    assert source["path"] == str(link)


def test_a_deep_check_is_asked_for_once(tmp_path: Path) -> None:
    name = "MAPSTREAM_INGESTION__DEEP_CHECK_AT_START"

    assert name not in environment(options(tmp_path, tmp_path))
    made = environment(replace(options(tmp_path, tmp_path), is_deep=True))
    assert made[name] == "true"


def test_without_paths_the_sources_of_the_file_are_read(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "ingestion:\n  sources:\n    - {path: /logs, collection: mine, sidecar: .ok}\n"
    )
    settings = load_cli_settings(config)

    made = environment(options(tmp_path), settings)

    assert made[CONFIG_VARIABLE] == str(config)
    assert json.loads(made["MAPSTREAM_INGESTION__SOURCES"]) == [
        {
            "path": "/logs",
            "glob": "**/*.jsonl",
            "collection": "mine",
            "links_may_leave": False,
            "sidecar": ".ok",
        }
    ]


def test_an_embedding_server_of_the_users_own_is_left_to_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", "http://gpu:80")
    settings = load_cli_settings(None)

    made = environment(options(tmp_path, tmp_path), settings, port=None)

    assert has_own_embedder(settings)
    assert made["MAPSTREAM_EMBEDDING__URL"] == "http://gpu:80"
    assert "MAPSTREAM_TEXT2VEC__PORT" not in made


def test_without_one_the_embedded_server_is_used(tmp_path: Path) -> None:
    made = environment(options(tmp_path, tmp_path), port=4711)

    assert not has_own_embedder(load_cli_settings(None))
    assert made["MAPSTREAM_TEXT2VEC__PORT"] == "4711"
    assert made["MAPSTREAM_EMBEDDING__URL"] == "http://127.0.0.1:4711"


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read"):
        load_cli_settings(tmp_path / "none.yaml")


def test_modules_in_the_users_folder_do_not_take_the_place_of_ours(tmp_path: Path) -> None:
    """``python -m`` would import from the working folder first."""
    (tmp_path / "shared.py").write_text("raise SystemExit('the wrong one')")

    loaded = subprocess.run(
        [sys.executable, "-m", "services.discovery.terminal"],
        env=environment(options(tmp_path, tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert loaded.returncode == 0, loaded.stderr
