"""What URLs lead to."""

import pytest

from services.courier.domain.targets import (
    TargetError,
    exported,
    follow,
    is_google_sheet,
    parse_target,
)

SHEET = "1aBcDeFgHiJkLmNoPqRsTuVwXyZ"  # pragma: allowlist secret
DOCS = "https://docs.google.com/spreadsheets"
EXPORT = f"{DOCS}/d/{SHEET}/export?format=xlsx"


@pytest.mark.parametrize(
    ("url", "origin", "whole"),
    [
        ("https://Example.org", ("https", "example.org", 443), "https://example.org/"),
        ("http://example.org:80/a#b", ("http", "example.org", 80), "http://example.org/a"),
        ("http://[::1]:8/", ("http", "::1", 8), "http://[::1]:8/"),
        ("https://bücher.example/x?y=1", ("https", "xn--bcher-kva.example", 443), None),
        ("https://example.org./", ("https", "example.org", 443), "https://example.org/"),
    ],
)
def test_a_url_leads_to_a_host(url: str, origin: tuple[str, str, int], whole: str | None) -> None:
    target = parse_target(url)

    assert target.origin == origin
    assert whole is None or target.url == whole


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/a", "only http"),
        ("file:///etc/passwd", "only http"),
        ("gopher://127.0.0.1/", "only http"),
        ("example.org/a.csv", "only http"),
        ("https:///a", "no host"),
        ("https://example.org:0/", "no host"),
        ("https://example.org:99999/", "no URL"),
        ("https://me:secret@example.org/", "courier.credentials"),  # pragma: allowlist secret
        ("https://me@example.org/", "courier.credentials"),
        ("https://example.org/a b", "white space"),
        ("https://example.org/\r\nHost: x", "white space"),
        ("https://example.org/" + "a" * 3000, "2,048 characters"),
    ],
)
def test_what_leads_nowhere_says_why_and_never_a_secret(url: str, words: str) -> None:
    with pytest.raises(TargetError, match=words) as caught:
        parse_target(url)

    assert "secret" not in str(caught.value)


def test_parameters_are_not_told() -> None:
    assert parse_target("https://example.org/a?token=x").shown == "https://example.org/a"


def test_a_redirect_may_be_a_part_of_a_url() -> None:
    start = parse_target("https://example.org/a/b?c")

    assert follow(start, "../d").url == "https://example.org/d"
    assert follow(start, "//other.example/").host == "other.example"
    assert follow(start, "?q").url == "https://example.org/a/b?q"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (f"{DOCS}/d/{SHEET}/edit#gid=0", EXPORT),
        (f"{DOCS}/d/{SHEET}", EXPORT),
        (f"{DOCS}/u/1/d/{SHEET}/edit?usp=sharing", EXPORT),
        (f"{DOCS}/d/{SHEET}/export?format=csv", f"{DOCS}/d/{SHEET}/export?format=csv"),
        (f"{DOCS}/d/e/2PACX-{SHEET}/pubhtml", f"{DOCS}/d/e/2PACX-{SHEET}/pub?output=xlsx"),
        ("https://docs.google.com/document/d/x/edit", "https://docs.google.com/document/d/x/edit"),
        (f"https://evil.example/spreadsheets/d/{SHEET}/edit", None),
    ],
)
def test_a_google_sheet_is_its_export(url: str, wanted: str | None) -> None:
    assert exported(url) == (wanted or url)
    assert is_google_sheet(url) == ("docs.google.com/spreadsheets" in url)
