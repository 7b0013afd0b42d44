"""Each file has one name, whatever the order in which its names were found."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.real_files import ambiguous, namesakes, one_name_each
from services.discovery.domain.sources import SourceStat
from tests.unit.discovery.builders import stat

FOUND = st.lists(
    st.builds(
        lambda name, file, is_link, collection: replace(
            stat(name, collection=collection),
            device=file[0],
            inode=file[1],
            is_link=is_link,
        ),
        st.sampled_from(["a", "b", "c", "d/a", "d/b"]),
        st.tuples(st.integers(1, 2), st.integers(1, 2)),
        st.booleans(),
        st.sampled_from(["one", "two"]),
    ),
    unique_by=lambda found: found.source_id,
)


@given(FOUND, st.sets(st.sampled_from("abcd")), st.randoms())
def test_each_file_of_a_collection_has_one_name(
    found: list[SourceStat], known: set[str], random_: random.Random
) -> None:
    ids = {one.source_id for one in found if one.filename in known}

    named = one_name_each(found, ids)

    files = [(one.collection, one.device, one.inode) for one in named.sources]
    assert len(set(files)) == len(files)
    assert {(one.collection, one.device, one.inode) for one in found} == set(files)
    assert len(named.sources) + len(named.same_as) == len(found)
    for one in found:
        chosen = named.same_as.get(one.source_id)
        if chosen is not None:
            assert (chosen.collection, chosen.inode) == (one.collection, one.inode)
            assert chosen.is_link <= one.is_link
            if chosen.is_link == one.is_link and chosen.source_id not in ids:
                assert one.source_id not in ids
                assert chosen.filename < one.filename
    shuffled = random_.sample(found, len(found))
    assert one_name_each(shuffled, ids).same_as == named.same_as


def test_a_file_that_two_roots_find_by_the_same_name_is_one() -> None:
    one = replace(stat("a", path="/x/a"), inode=1)
    other = replace(stat("a", path="/link/a"), inode=1)

    named = one_name_each([one, other], ())
    assert (named.sources, named.same_as) == ([other], {})


def test_of_two_files_of_a_name_the_one_that_has_it_keeps_it() -> None:
    one, other = stat("a", path="/x/a"), stat("a", path="/y/a")

    assert namesakes([one, other, stat("b")], {}) == [other]
    assert namesakes([one, other], {one.source_id: "/y/a"}) == [one]


def test_what_has_no_inode_is_a_file_of_its_own() -> None:
    """Some file systems give none."""
    found = [stat("a"), stat("b")]

    assert one_name_each(found, ()).sources == found


def test_a_link_and_a_hard_link_may_have_another_name() -> None:
    found = [stat("a"), replace(stat("b"), is_link=True), replace(stat("c"), names=2)]

    assert ambiguous(found) == found[1:]
