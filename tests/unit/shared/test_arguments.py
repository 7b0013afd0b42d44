"""A service that is started alone explains itself, and takes no word that it does not know."""

from importlib.metadata import version
from pathlib import Path

import pytest

from shared.arguments import answer_arguments

SERVICES = Path(__file__).parents[3] / "services"
PROGRAM = str(SERVICES / "embedding" / "__main__.py")
OPTIONS = {"--check": "Look at the place."}


@pytest.mark.parametrize(
    ("word", "code", "told"),
    [
        ("-h", 0, "usage: python -m services.embedding [--check] [--version] [-h]"),
        ("--help", 0, "--check  Look at the place."),
        ("--version", 0, f"mapstream {version('mapstream')}"),
        ("--nonsense", 2, "mapstream: unknown argument '--nonsense'"),
    ],
)
def test_a_word_is_answered(
    word: str, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        answer_arguments([PROGRAM, word], OPTIONS)

    assert ended.value.code == code
    assert told in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "words",
    [
        [PROGRAM],
        [PROGRAM, "--check"],
        ["pytest", "--nonsense"],
        ["/lib/pytest/__main__.py", "--nonsense"],
    ],
)
def test_what_is_known_goes_on(words: list[str]) -> None:
    answer_arguments(words, OPTIONS)
