"""What follows from a list of sources."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.discovery.domain.manifests import (
    BadEntry,
    Entry,
    Item,
    Listing,
    filename_of,
    key_of,
    plan,
)
from tests.builders import NOW

ADA = Entry(number=1, name="Ada", url="https://x.org/a.csv")


def applied(listing: Listing, known: dict[str, Item] | None = None) -> dict[str, Item]:
    """Return what is known once all that is to be fetched has a job."""
    steps = plan(listing, known or {}, NOW)
    items = (
        replace(one.item, job_id="0" * 20, asked_at=NOW) if one.fetches else one.item
        for one in steps
    )
    return {one.key: one for one in items}


@pytest.mark.parametrize(
    ("name", "form", "url", "filename"),
    [
        ("Ada", None, "https://x.org/a.csv?x=1", "Ada.csv"),
        ("Ada", None, "https://x.org/export", "Ada"),
        ("Ada", "excel", "https://x.org/a.csv", "Ada.xlsx"),
        ("Ada.tsv", "excel", "https://x.org/a.csv", "Ada.tsv"),
        ("Ada 1.5", None, "https://x.org/a.CSV", "Ada 1.5.csv"),
        ("a/b\\c", "google_sheets", "https://x.org/", "a-b-c.xlsx"),
        ("я" * 200, "csv", "https://x.org/", "я" * 90 + ".csv"),
    ],
)
def test_a_source_is_called_by_its_name_and_what_it_is(
    name: str, form: str | None, url: str, filename: str
) -> None:
    assert filename_of(Entry(number=1, name=name, url=url, format=form)) == filename


def test_the_same_list_again_asks_again_and_adds_nothing() -> None:
    first = applied(Listing([ADA]))
    again = applied(Listing([replace(ADA, name=" ADA ")]), first)

    assert [one.outcome for one in first.values()] == ["added"]
    assert list(again) == list(first) == [key_of("ada")]
    assert (again["ada"].outcome, again["ada"].filename) == ("asked", "Ada.csv")


def test_another_url_is_another_version_of_the_same_source() -> None:
    (step,) = plan(
        Listing([replace(ADA, url="https://x.org/b.tsv")]), applied(Listing([ADA])), NOW
    )

    assert (step.item.outcome, step.item.filename) == ("changed", "Ada.csv")
    assert step.moved_from == ADA.url


def test_what_is_listed_no_longer_is_marked_and_comes_back() -> None:
    grace = replace(ADA, number=2, name="Grace", url="https://x.org/g.csv")
    without = applied(Listing([grace]), applied(Listing([ADA, grace])))
    later = applied(Listing([grace]), without)
    back = applied(Listing([ADA, grace]), later)

    assert (without["ada"].outcome, without["ada"].number) == ("unlisted", 0)
    assert later["ada"] == without["ada"]
    assert (back["ada"].outcome, back["ada"].number) == ("asked", 1)


def test_what_is_not_active_or_came_lately_is_not_fetched() -> None:
    daily = replace(ADA, every_hours=24)
    known = applied(Listing([daily]))
    soon = {"ada": replace(known["ada"], asked_at=NOW - timedelta(hours=23))}
    late = {"ada": replace(known["ada"], asked_at=NOW - timedelta(hours=23, minutes=56))}

    (off,) = plan(Listing([replace(ADA, is_active=False)]), known, NOW)
    (early,) = plan(Listing([daily]), soon, NOW)
    (due,) = plan(Listing([daily]), late, NOW)

    assert (off.item.outcome, off.fetches) == ("inactive", None)
    assert (early.item.outcome, early.fetches) == ("not due", None)
    assert (due.item.outcome, due.fetches) == ("asked", daily)


def test_a_bad_row_of_one_that_is_known_leaves_it_as_it_was() -> None:
    known = applied(Listing([ADA]))
    bad = (BadEntry(number=1, name="ada", reason="why"), BadEntry(number=2, name="", reason="too"))
    after = applied(Listing([], bad), known)
    again = applied(Listing([], (replace(bad[1], name="x"),)), after)

    assert (after["ada"].url, after["ada"].outcome) == (ADA.url, "bad")
    assert [one.reason for one in after.values()] == ["why", "too"]
    assert [(one.name, one.outcome) for one in again.values()] == [
        ("x", "bad"),
        ("Ada", "unlisted"),
    ]
