import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from services.embedding.settings import Settings as EmbeddingSettings
from services.projection.settings import Settings as ProjectionSettings
from shared.errors import ConfigurationError
from shared.redaction import HIDDEN, redact
from shared.sections import SECTIONS
from shared.settings import Section, ServiceSettings


class OwnSection(Section):
    api_key: SecretStr | None = Field(default=None, description="A secret.")
    size: int = Field(default=3, ge=1, description="A size.")


class Settings(ServiceSettings):
    embedding: OwnSection = Field(default=OwnSection(), description="A section.")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration file that ``MAPSTREAM_CONFIG`` names."""
    config = tmp_path / "config.yaml"
    config.write_text("")
    monkeypatch.setenv("MAPSTREAM_CONFIG", str(config))
    return config


def complaint(kind: type[ServiceSettings] = Settings) -> str:
    with pytest.raises(ConfigurationError) as told:
        kind.load()
    return str(told.value)


@pytest.mark.parametrize(
    "kind", [Settings, EmbeddingSettings, ProjectionSettings], ids=lambda kind: kind.__module__
)
def test_without_file_and_environment_everything_has_a_default(
    kind: type[ServiceSettings],
) -> None:
    settings = kind.load()

    assert settings.collections == ("default",)
    assert settings.nats.url == "nats://127.0.0.1:4222"
    assert set(kind.model_fields) <= SECTIONS


def test_the_environment_goes_before_the_file_field_by_field(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        "nats: {url: 'nats://file', user: file}\nembedding: {size: 7}\n"
        "collections: [a, b]\noutput: {anything: 1}\n"
    )
    monkeypatch.setenv("MAPSTREAM_NATS__URL", "nats://environment")
    monkeypatch.setenv("MAPSTREAM_LOG__LEVEL", "debug")

    settings = Settings.load()

    assert (settings.nats.url, settings.nats.user) == ("nats://environment", "file")
    assert (settings.embedding.size, settings.log.level) == (7, "debug")
    assert settings.collections == ("a", "b")


def test_collections_may_come_as_json_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAPSTREAM_COLLECTIONS", '["a", "b"]')

    assert Settings.load().collections == ("a", "b")


@pytest.mark.parametrize("variable", ["MAPSTREAM_COLLECTIONS", "MAPSTREAM_NATS"])
def test_a_variable_that_should_be_json_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "default")

    assert (
        f'the environment: {variable}: is no JSON; it looks like ["a", "b"] for a list'
        in complaint()
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("emmbedding: {}", ["unknown section 'emmbedding'", "mean 'embedding'?", "known are"]),
        ("embedding: {size: many}", ["embedding.size", "valid integer", "'many'"]),
        ("embedding: {size: 0}", ["embedding.size", "greater than or equal to 1", "0"]),
        ("embedding: {sise: 4}", ["embedding.sise", "no such field", "did you mean 'size'?"]),
        ("log: {level: loud}", ["log.level", "'debug'", "'loud'"]),
        ("collections: []", ["collections", "at least 1"]),
        ("collections: main", ["collections", "'main'"]),
        ("nats:", ["nats", "dictionary"]),
        ("health: {port: 70000}", ["health.port", "65535"]),
        ("nats: {url: 'nats://here:99999'}", ["nats.url", "1 to 65535", "99999"]),
        ("nats: {url: 'nats://here:4222, nats://there:-1'}", ["nats.url", "server 2"]),
        ("nats: {url: 'nats://here:port'}", ["nats.url", "server 1", "1 to 65535"]),
        ("nats: {url: 'nats://here:0'}", ["nats.url", "1 to 65535"]),
        ("nats: {url: 'http://here'}", ["nats.url", "'http' is none of nats, tls"]),
        ("nats: {url: ' , '}", ["nats.url", "names no server"]),
        ("nats: {url: 'nats://:4222'}", ["nats.url", "no host"]),
        ("- a", ["must be a mapping"]),
        ("a: [", ["is not YAML"]),
    ],
)
def test_a_mistake_names_the_file_and_the_field(file: Path, text: str, words: list[str]) -> None:
    file.write_text(text)

    said = complaint()

    assert str(file) in said
    assert all(word in said for word in words), said


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    file.write_text("embedding: {size: 0}\nlog: {level: loud}\n")

    assert len(complaint().splitlines()) == 2


def test_a_file_that_is_missing_or_unreadable_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"\xff\xfe\x00bad")
    assert f"{file}: is not YAML" in complaint()

    file.unlink()
    assert f"{file}: cannot be read: No such file" in complaint()

    monkeypatch.setenv("MAPSTREAM_CONFIG", str(file.parent))
    assert "cannot be read" in complaint()


@pytest.mark.parametrize(
    "text",
    [
        "nats: {password: [hunter2]}",
        "nats: {pasword: hunter2}",
        "embedding: {api_key: [hunter2]}",
        "embedding: {api_key: {a: hunter2}}",
        "nats: [hunter2]",
        "embedding: [{api_key: hunter2}]",
        "nats: {url: 'nats://me:hunter2@here:99999'}",  # pragma: allowlist secret
        "nats: {url: 'nats://me:hunter2@'}",  # pragma: allowlist secret
    ],
)
def test_what_may_be_a_secret_is_not_repeated(file: Path, text: str) -> None:
    file.write_text(text)

    assert "hunter2" not in complaint()


@pytest.mark.parametrize(
    "text",
    ["nats: {password: @hunter2}", "nats:\n  password: *hunter2", "nats: {password: !hunter2 a}",
     "nats: {password: 'hunter2"],
)  # fmt: skip
def test_a_file_that_is_no_yaml_is_not_quoted(file: Path, text: str) -> None:
    file.write_text(text)

    told = complaint()

    assert "hunter2" not in told
    assert "is not YAML" in told
    assert "line 1" in told or "line 2" in told


def test_what_is_secret_is_known_from_the_moment_that_it_is_read(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the settings are then refused, and if another process is to use it."""
    secret = tmp_path / "secret"
    secret.write_text("from-a-file-8071\n")
    url = "nats://a:from-a-url-8072@h"  # pragma: allowlist secret
    file.write_text(
        f"nats: {{url: '{url}', password: from-yaml-8073}}\n"
        "gateway: {tokens: [{name: a, token: of-another-8074}]}\n"
        "embedding: {size: 0}"
    )
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__API_KEY_FILE", str(secret))
    monkeypatch.setenv("MAPSTREAM_TEXT2VEC__API_KEY", "from-a-variable-8075")
    monkeypatch.setenv("MAPSTREAM_GATEWAY__TOKENS", '[{"name": "b", "token": "in-json-8076"}]')

    complaint()

    said = "from-a-file-8071 from-a-url-8072 from-yaml-8073 of-another-8074 from-a-variable-8075"
    assert redact(f"{said} in-json-8076") == " ".join([HIDDEN] * 6)


def test_secrets_do_not_show(file: Path) -> None:
    file.write_text("nats: {user: u, password: hunter2}\nembedding: {api_key: hunter2}\n")

    settings = Settings.load()

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    assert settings.nats.password is not None
    assert settings.nats.password.get_secret_value() == "hunter2"


def test_arguments_go_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTREAM_COLLECTIONS", json.dumps(["environment"]))

    assert Settings.load(collections=("argument",)).collections == ("argument",)


def test_settings_cannot_be_changed() -> None:
    settings = Settings.load()

    with pytest.raises(ValueError, match="frozen"):
        settings.nats.url = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "text", "field"),
    [
        (EmbeddingSettings, "embedding: {url: 'not a url'}", "embedding.url"),
        (EmbeddingSettings, "embedding: {protocol: grpc}", "embedding.protocol"),
        (ProjectionSettings, "projection: {refit_threshold: 1.0}", "projection.refit_threshold"),
        (ProjectionSettings, "projection: {micro_batch_max: 0}", "projection.micro_batch_max"),
        (ProjectionSettings, "projection: {movement_budget: 0}", "projection.movement_budget"),
        # JSON has no infinity: the events that repeat these numbers could not be read.
        (ProjectionSettings, "projection: {refit_threshold: .inf}", "projection.refit_threshold"),
        (ProjectionSettings, "projection: {movement_budget: .inf}", "projection.movement_budget"),
        (ProjectionSettings, "projection: {drift_mean_shift: .inf}", "projection.drift_mean"),
        (ProjectionSettings, "projection: {drift_unexplained: 1.1}", "projection.drift_unexp"),
    ],
)
def test_a_services_own_section_is_checked_as_well(
    file: Path, kind: type[ServiceSettings], text: str, field: str
) -> None:
    file.write_text(text)

    assert field in complaint(kind)


def test_a_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NATS__PASSWORD", "EMBEDDING__API_KEY"):
        secret = tmp_path / variable
        secret.write_text(f"of {variable}\n")
        monkeypatch.setenv(f"MAPSTREAM_{variable}_FILE", str(secret))

    settings = Settings.load()

    assert settings.nats.password
    assert settings.embedding.api_key
    assert settings.nats.password.get_secret_value() == "of NATS__PASSWORD"
    assert settings.embedding.api_key.get_secret_value() == "of EMBEDDING__API_KEY"
    assert "NATS__PASSWORD" not in repr(settings)


@pytest.mark.parametrize("content", [None, " \n", "hunter2"])
def test_a_secrets_file_that_gives_none_is_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing one, an empty one, and one beside a variable that says something else."""
    secret = tmp_path / "password"
    if content is not None:
        secret.write_text(content)
    monkeypatch.setenv("MAPSTREAM_NATS__PASSWORD_FILE", str(secret))
    if content == "hunter2":
        monkeypatch.setenv("MAPSTREAM_NATS__PASSWORD", "hunter3")

    told = complaint()

    assert "MAPSTREAM_NATS__PASSWORD_FILE" in told
    assert "hunter" not in told


def test_only_secrets_may_be_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTREAM_NATS__URL_FILE", "/etc/hostname")

    assert "url_file" in complaint()


def test_a_certificate_needs_its_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSTREAM_NATS__TLS_CERT", "client.pem")

    assert "tls_cert needs tls_ca" in complaint()


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("MAPSTREAM_EMBEDING__URL", ["no section 'embeding'", "MAPSTREAM_EMBEDDING__URL?"]),
        ("MAPSTREAM_EMBEDDING__SISE", ["embedding.sise", "did you mean 'size'?"]),
        ("MAPSTREAM_EMBEDDING_SIZE", ["two underscores: MAPSTREAM_EMBEDDING__SIZE"]),
        ("MAPSTREAM_EMBEDDING___SIZE", ["embedding._size", "did you mean 'size'?"]),
        ("mapstream_nat__url", ["no section 'nat'", "MAPSTREAM_NATS__URL?"]),
        (
            "MAPSTREAM_QQQ__URL",
            ["no section 'qqq'", "known are analysis, blobs, collections, courier, embedding"],
        ),
        ("MAPSTREAM_COLLECTION", ["did you mean MAPSTREAM_COLLECTIONS?"]),
        ("MAPSTREAM_CONFG", ["did you mean MAPSTREAM_CONFIG?"]),
        # Of a section that this process does not read, the name is looked at as well.
        ("MAPSTREAM_GATWAY__PORT", ["no section 'gatway'", "MAPSTREAM_GATEWAY__PORT?"]),
    ],
)
def test_a_misspelt_variable_is_named_and_so_is_what_was_meant(
    variable: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "7")

    said = complaint()

    assert variable in said
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAPSTREAM_FAILPOINTS", ""),
        ("MAPSTREAM_IMAGE", "registry.example/mapstream"),
        ("MAPSTREAM_VERSION", "1"),
        ("MAPSTREAM", "x"),
        ("MAPSTREAMING_EMBEDING__URL", "x"),
        # What Kubernetes sets for services named mapstream-gateway and mapstream-nats.
        ("MAPSTREAM_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("MAPSTREAM_GATEWAY_SERVICE_PORT", "8000"),
        ("MAPSTREAM_GATEWAY_SERVICE_PORT_HTTP", "8000"),
        ("MAPSTREAM_GATEWAY_PORT", "tcp://10.0.0.1:8000"),
        ("MAPSTREAM_NATS_PORT_4222_TCP", "tcp://10.0.0.1:4222"),
        ("MAPSTREAM_NATS_PORT_4222_TCP_ADDR", "10.0.0.1"),
        # Read by other services.
        ("MAPSTREAM_GATEWAY__PORT", "8000"),
        ("MAPSTREAM_RETENTION__EVENTS_DAYS", "3"),
    ],
)
def test_a_variable_of_somebody_else_is_left_alone(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    Settings.load()


def test_a_port_with_one_underscore_is_told_from_what_kubernetes_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAPSTREAM_GATEWAY_PORT", "8001")

    assert "MAPSTREAM_GATEWAY__PORT" in complaint()


def test_a_wrong_value_is_told_with_the_variable_that_gave_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside mistakes in the file, which are told with the file's name."""
    file.write_text("log: {level: loud}\nembedding: {size: 7}\n")
    monkeypatch.setenv("MAPSTREAM_EMBEDDING__SIZE", "0")
    monkeypatch.setenv("MAPSTREAM_TRACNG__ENDPOINT", "http://here")

    said = sorted(complaint().splitlines())

    assert len(said) == 3
    assert said[0].startswith(f"{file}: log.level: ")
    assert said[1].startswith("the environment: MAPSTREAM_EMBEDDING__SIZE: embedding.size: ")
    assert said[2].startswith("the environment: MAPSTREAM_TRACNG__ENDPOINT: ")


@pytest.mark.parametrize(
    ("readable_by", "present", "umask"),
    [
        (None, 0o022, 0o077),
        (None, 0o002, 0o077),
        (None, 0o000, 0o077),
        (None, 0o027, 0o027),
        (None, 0o077, 0o077),
        ("owner", 0o022, 0o077),
        ("group", 0o077, 0o027),
        ("everybody", 0o077, 0o022),
    ],
)
def test_files_are_the_owners_unless_somebody_chose_otherwise(
    readable_by: Any, present: int, umask: int
) -> None:
    assert ServiceSettings(readable_by=readable_by).umask(present) == umask
