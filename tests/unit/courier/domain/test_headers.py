"""What headers say of a body."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.courier.domain.backoff import is_lasting, pause_s
from services.courier.domain.headers import (
    Validators,
    expected_of,
    goes_on_at,
    length_of,
    validators_of,
)
from services.courier.domain.names import name_of
from shared.contracts.uploads import file_name

TAG = '"one"'


@pytest.mark.parametrize(
    ("told", "tag", "goes_on"),
    [
        ("bytes 5-9/10", TAG, True),
        ("bytes 5-9/*", TAG, True),
        ("bytes 4-9/10", TAG, False),
        ("bytes 6-9/10", TAG, False),
        ("bytes 5-8/10", TAG, False),
        ("bytes 5-9/10", '"two"', False),
        ("bytes 5-9/10", 'W/"one"', False),
        ("bytes */10", TAG, False),
        ("", TAG, False),
    ],
)
def test_a_part_goes_on_only_where_the_last_one_ended(
    told: str, tag: str, *, goes_on: bool
) -> None:
    assert goes_on_at({"content-range": told, "etag": tag}, 5, TAG) is goes_on


def test_only_a_strong_tag_stands_for_the_same_bytes() -> None:
    assert Validators('"a"').strong_etag == '"a"'
    assert Validators('W/"a"').strong_etag is None
    assert Validators("a").strong_etag is None
    assert validators_of({"etag": "x" * 600, "last-modified": "ünix"}) == Validators()


@pytest.mark.parametrize("told", ["", "-1", "1.5", "9" * 30, "five", "1 2"])
def test_a_length_is_a_number_or_none(told: str) -> None:
    assert length_of({"content-length": told}) is None


def test_sums_of_what_is_packed_are_not_those_of_what_is_kept() -> None:
    md5 = {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}

    assert expected_of(md5) is not None
    assert expected_of(md5 | {"content-encoding": "gzip"}) is None
    assert expected_of({"content-md5": "nonsense"}) is None


def test_pauses_grow_and_a_server_may_ask_for_more_but_not_for_ever() -> None:
    assert [pause_s(tries) for tries in (1, 2, 3, 9)] == [1, 2, 4, 30]
    assert [pause_s(1, asked) for asked in (0, 7, 9999)] == [1, 7, 30]
    assert [one for one in (400, 404, 408, 425, 429, 500, 503) if is_lasting(one)] == [400, 404]


@given(st.text(max_size=300), st.text(max_size=50), st.sampled_from(("filename", "filename*")))
def test_whatever_a_server_says_gives_a_name_that_can_be_one(
    told: str, path: str, which: str
) -> None:
    for value in (told, f'attachment; {which}="{told}"', f"a; {which}=UTF-8''{quote(told)}"):
        name = name_of(f"https://example.org/{path}", {"content-disposition": value})

        assert file_name(file_name(name)) == file_name(name)


def test_a_name_never_has_a_folder() -> None:
    told = {"content-disposition": 'attachment; filename="C:\\x\\..\\y/../z.csv"'}

    assert name_of("https://example.org/a", told) == "z.csv"
    assert name_of("https://example.org/", {}) == "example.org"
    assert name_of("https://example.org/a", {"content-type": "text/csv"}) == "a.csv"
