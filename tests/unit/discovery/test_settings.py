import pytest

from services.discovery.settings import IngestionSection, Settings, SourceSection, TriggerSection
from shared.errors import ConfigurationError


def test_the_defaults_work() -> None:
    ingestion = Settings.load().ingestion

    assert (ingestion.sources, ingestion.trigger.mode) == ((), "watch")


def test_a_source_needs_a_path_only() -> None:
    (source,) = Settings.load(ingestion={"sources": [{"path": "~/runs"}]}).ingestion.sources

    assert (source.glob, source.collection) == ("**/*.jsonl", "default")
    assert source.path.is_absolute()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path": "x", "glob": "/a/*"}, "must be a pattern below the folder"),
        ({"path": "x", "glob": "../*"}, "must be a pattern below the folder"),
        ({"path": "x", "glob": ""}, "must be a pattern below the folder"),
        ({"path": "x", "collection": "Ä"}, "collection"),
        ({"path": "x", "collection": "other"}, "'collections' has only default"),
        ({"path": "x", "globb": "*"}, "globb"),
    ],
)
def test_mistakes_are_explained(source: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Settings.load(ingestion={"sources": [source]})


def test_every_setting_is_described() -> None:
    for model in (Settings, IngestionSection, SourceSection, TriggerSection):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
