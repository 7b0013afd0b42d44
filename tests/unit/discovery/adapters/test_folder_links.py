import os
import posixpath
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.adapters.folder_links import RealPaths

NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=3)


def make(top: Path, places: dict[str, str | None]) -> None:
    """Make folders, and links where a target is given, as far as what is there lets them."""
    for path, target in places.items():
        place = top / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if target is None:
                place.mkdir()
            else:
                place.symlink_to(os.fspath(top / target[1:]) if target[0] == "/" else target)
        except OSError:
            continue


@given(
    places=st.dictionaries(PATHS, st.none() | TARGETS.map("/".join) | PATHS.map("/{}".format)),
    asked=st.lists(PATHS, min_size=1, max_size=8),
)
def test_a_path_leads_where_the_system_says(
    places: dict[str, str | None], asked: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), places)
        real_paths = RealPaths()
        for path in [*(posixpath.join(name, one) for one in asked), "/", name]:
            assert real_paths.of(path) == os.path.realpath(path)


def test_what_is_around_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    real_paths = RealPaths()
    assert real_paths.of(f"{tmp_path}/link/a") == os.path.realpath(tmp_path / "real/a")

    (tmp_path / "link").unlink()

    assert real_paths.of(f"{tmp_path}/link/b") == os.path.realpath(tmp_path / "real/b")
