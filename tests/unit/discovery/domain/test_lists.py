"""How lists of sources are written."""

import json

import pytest

from services.discovery.domain.lists import MOST_ROWS, ListError, read_list

CSV = "Name;URL;Enabled;Every-Hours;text columns;sort\nAda;https://x.org/a;no;24;note | name;1\n\n"
ROW = {
    "name": "Ada",
    "url": "https://x.org/a",
    "active": "no",
    "every_hours": "24",
    "text_columns": ["note", "name"],
}


def test_a_list_is_csv_whatever_its_delimiter_and_the_case_of_its_header() -> None:
    for delimiter in ";,\t":
        found = read_list("\ufeff" + CSV.replace(";", delimiter))

        assert [(one.number, one.values) for one in found.rows] == [(1, ROW)]
        assert found.ignored == ["sort"]


def test_a_list_is_json_with_or_without_an_object_around() -> None:
    rows = [{"Name": "Ada", "source_url": "https://x.org/a", "notes": None, "sort": 1}, "Grace"]

    for told in (rows, {"sources": rows, "version": 1}):
        found = read_list(json.dumps(told))

        assert [one.values for one in found.rows] == [
            {"name": "Ada", "url": "https://x.org/a"},
            {"name": "Grace"},
        ]
        assert found.ignored == ["sort"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not name the columns"),
        ("url,notes\nhttps://x.org/a,b", "does not name the columns"),
        ("name,url\n", "lists no source"),
        ("[]", "lists no source"),
        ('{"sources": {}}', "an array of objects"),
        ("[{]", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('name,url\n"a,b', "no CSV"),
        ("name,url,source_url\na,b,c", "url twice"),
        ("name,url\n" + "a" * (1 << 17), "a line of more than"),
        ("name,url\n" + "a,b\n" * (MOST_ROWS + 1), "divide it"),
    ],
)
def test_what_is_no_list_says_why(text: str, why: str) -> None:
    with pytest.raises(ListError, match=why):
        read_list(text)
