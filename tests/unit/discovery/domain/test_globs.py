from pathlib import PurePath

import pytest

from services.discovery.domain.globs import advance, parse_glob


def matches(glob: str, path: str) -> bool:
    *folders, name = PurePath(path).parts
    remainders = parse_glob(glob)
    for folder in folders:
        remainders = advance(remainders, folder).below
    return advance(remainders, name).is_match


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("**/*.jsonl", "a.jsonl", True),
        ("**/*.jsonl", "x/y/a.jsonl", True),
        ("**/*.jsonl", "a.jsonl.gz", False),
        ("*.jsonl", "x/a.jsonl", False),
        ("x/*.jsonl", "x/a.jsonl", True),
        ("x/**/y/*.jsonl", "x/y/a.jsonl", True),
        ("x/**/y/*.jsonl", "x/z/z/y/a.jsonl", True),
        ("x/**/y/*.jsonl", "x/z/a.jsonl", False),
        ("**/**/a", "a", True),
        ("**", "x/y", True),
        ("run-?/[ab]", "run-1/b", True),
        ("run-?/[ab]", "run-1/c", False),
        ("*.JSONL", "a.jsonl", False),
    ],
)
def test_patterns(glob: str, path: str, expected: object) -> None:
    assert matches(glob, path) is expected


def test_no_folder_is_entered_in_vain() -> None:
    assert not advance(parse_glob("x/*.jsonl"), "y").below


def test_any_folders_do_not_include_links() -> None:
    step = advance(parse_glob("**/x/*.jsonl"), "x")

    assert step.below_link == {("*.jsonl",)}
