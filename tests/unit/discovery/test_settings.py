from datetime import timedelta
from pathlib import Path

import pytest

from services.discovery.domain.completeness import Completion
from services.discovery.formats import build_repository
from services.discovery.handlers.dry_run import dry_run
from services.discovery.settings import IngestionSection, Settings, SourceSection, TriggerSection
from shared.errors import ConfigurationError


def test_the_defaults_work() -> None:
    ingestion = Settings.load().ingestion

    assert (ingestion.sources, ingestion.trigger.mode) == ((), "watch")


def test_a_source_needs_a_path_only() -> None:
    (source,) = Settings.load(ingestion={"sources": [{"path": "~/runs"}]}).ingestion.sources

    assert (source.glob, source.collection) == ("**/*.jsonl", "default")
    assert source.path.is_absolute()


def test_a_source_is_complete_as_all_are_unless_it_says_otherwise() -> None:
    section = Settings.load(
        ingestion={
            "complete_when": "unchanged",
            "unchanged_minutes": 3,
            "sources": [
                {"path": "x"},
                {"path": "y", "unchanged_minutes": 0.5},
                {"path": "z", "complete_when": "sidecar", "sidecar": ".ok"},
            ],
        }
    ).ingestion

    assert [section.completion_of(source) for source in section.sources] == [
        Completion("unchanged", timedelta(minutes=3)),
        Completion("unchanged", timedelta(seconds=30)),
        Completion("sidecar", timedelta(minutes=3), ".ok"),
    ]
    assert IngestionSection().completion_of(SourceSection(path=Path("x"))) == Completion()


async def test_the_files_of_a_source_are_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "x"}\n')
    source = {"path": str(tmp_path), "complete_when": "any_line"}
    other = source | {"format": "jsonl", "text_field": "body"}

    found = []
    for one in (source, other):
        repository = build_repository(Settings.load(ingestion={"sources": [one]}))
        survey = await dry_run(repository)
        found.append((survey.complete, survey.records))
    assert found == [(1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path": "x", "glob": "/a/*"}, "must be a pattern below the folder"),
        ({"path": "x", "glob": "../*"}, "must be a pattern below the folder"),
        ({"path": "x", "glob": ""}, "must be a pattern below the folder"),
        ({"path": "x", "collection": "Ä"}, "collection"),
        ({"path": "x", "collection": "other"}, "'collections' has only default"),
        ({"path": "x", "globb": "*"}, "globb"),
        ({"path": "x", "format": "pdf"}, "format"),
        ({"path": "x", "text_field": ""}, "text_field"),
        ({"path": "x", "complete_when": "some_day"}, "complete_when"),
        ({"path": "x", "unchanged_minutes": 0}, "unchanged_minutes"),
        ({"path": "x", "sidecar": ""}, "sidecar"),
        ({"path": "x", "sidecar": "/done"}, "sidecar"),
    ],
)
def test_mistakes_are_explained(source: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Settings.load(ingestion={"sources": [source]})


def test_every_setting_is_described() -> None:
    for model in (Settings, IngestionSection, SourceSection, TriggerSection):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
