"""Roots are found by where they lie as if each were looked at."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.adapters.folder_links import RealPaths
from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_roots import Roots

PLACE = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(
    lambda parts: Path("/", *parts)
)


def is_near(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


@given(st.lists(st.tuples(PLACE, st.sampled_from("xyz"))), st.sets(st.sampled_from("xyz")), PLACE)
def test_what_is_near_is_found_whatever_came_and_went(
    places: list[tuple[Path, str]], gone: set[str], asked: Path
) -> None:
    roots = Roots()
    for place, collection in places:
        roots.add(Root(place, collection=collection))
    for collection in gone:
        roots.remove(collection)

    found = [(root.path, root.collection) for root in roots.near([str(asked)])]
    left = [one for one in places if one[1] not in gone]
    assert found == [one for one in left if is_near(one[0], asked)]
    assert [root.path for root in roots.of("x")] == [path for path, of in left if of == "x"]
    assert len(roots.all) == len(left)


def test_a_root_is_found_by_where_its_link_leads_now(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    roots = Roots()
    roots.add(Root(link))
    link.unlink()
    link.symlink_to(tmp_path / "b")
    (root,) = roots.all
    roots.follow_links(root, RealPaths())

    assert roots.near([str(tmp_path / "b" / "deep")]) == [root]
    assert roots.near([str(tmp_path / "a" / "deep")]) == []
