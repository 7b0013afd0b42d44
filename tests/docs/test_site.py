"""The documentation's site."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.e2e.page_pictures import MOST_BYTES, PICTURES


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site_and_no_link_is_broken(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).exists()


def test_the_programs_that_write_pages_are_not_published(site: Path) -> None:
    assert [*(ROOT / "docs" / "generators").glob("*.py")] != []
    assert not (site / "generators").exists()


def test_the_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"?(?:https?:)?//[^>]*|<link[^>]*https?:[^>]*"
    )
    found = [
        one
        for page in site.rglob("*.html")
        for one in loads.findall(page.read_text())
        if 'rel="canonical"' not in one
    ]

    assert found == []
    assert 'href="#' in (site / "index.html").read_text()


def test_every_picture_of_the_page_is_small_and_can_be_taken_anew() -> None:
    docs = ROOT / "docs"
    shown = set(re.findall(r"images/(page-[a-z]+)\.webp", (docs / "page.md").read_text()))

    assert shown == {one.name for one in PICTURES}
    for name in shown:
        assert 0 < (docs / f"images/{name}.webp").stat().st_size <= MOST_BYTES
