"""How text is written is found out, said and, where it is a guess, told as one."""

import io

import pytest

from shared.readers.encodings import find_encoding
from tests.unit.shared.readers.readings import read

RUSSIAN = "Дата,Название,Описание\n2020,Москва,Большой город на реке\n2021,Казань,Ещё один город\n"
KOREAN = "날짜,이름,설명\n2020,서울,대한민국의 수도이며 큰 도시\n2021,부산,바다가 있는 도시이다\n"
JAPANESE = "日付,名前,説明\n2020,東京,大きな都市です\n2021,カタカナ,ひらがなのテキスト\n"
CHINESE = "日期,名称,描述\n2020,北京,中国的首都是一个大城市\n2021,上海,这是另外一个城市\n"
HEBREW = "תאריך,שם,תיאור\n2020,ירושלים,עיר גדולה ויפה מאוד\n2021,חיפה,עיר נמל על הים התיכון\n"
GREEK = "Ημέρα,Όνομα,Περιγραφή\n2020,Αθήνα,Η πρωτεύουσα της Ελλάδας\n2021,Πάτρα,μια πόλη\n"  # noqa: RUF001
FRENCH = "Nom,Description\nÉlodie,Une personne très âgée à l’hôtel\nFrançois,un œuf à 5 €\n"  # noqa: RUF001
POLISH = "Nazwa,Opis\nŁódź,Duże miasto w środkowej części kraju\nKraków,piękna stara stolica\n"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (RUSSIAN, "cp866"), (KOREAN, "cp949"),
        (JAPANESE, "cp932"), (JAPANESE, "euc_jp"), (CHINESE, "gb18030"), (HEBREW, "cp1255"),
        (GREEK, "cp1253"), (FRENCH, "cp1252"), (POLISH, "cp1250"), (RUSSIAN, "utf-8"),
        (FRENCH, "utf-16"), (KOREAN, "utf-8-sig"), (FRENCH, "utf-16-le"), (FRENCH, "utf-16-be"),
    ],
)  # fmt: skip
def test_the_text_comes_back(text: str, codec: str) -> None:
    found = read((text * 5).encode(codec))

    written = [line.split(",") for line in (text * 5).splitlines()]
    assert [found.columns, *found.rows] == written
    is_guess = "encoding-guessed" in found.warned
    assert is_guess == (not codec.startswith("utf") or codec in ("utf-16-le", "utf-16-be"))


def test_why_is_said() -> None:
    for data, why in [
        (b"abc", "all of it is ASCII"),
        ("é".encode(), "all of it is valid UTF-8"),
        ("é".encode("utf-16"), "its first bytes are the mark of UTF-16"),
        (b"caf\xe9", "it is no UTF-8, and its single bytes beyond ASCII fit Western text"),
    ]:
        assert find_encoding(io.BytesIO(data)).why == why


def test_a_bad_byte_does_not_change_how_the_others_are_read() -> None:
    text = ("name,city\n" + "Ünal,Köln\n" * 20).encode() + b"caf\xe9,x\n"

    found = read(text)
    assert found.rows[-1] == ["café", "x"]
    assert found.rows[0] == ["Ünal", "Köln"]
    assert found.warned["bad-bytes"].count == 1


def test_a_character_over_the_edge_of_a_block_is_no_bad_byte() -> None:
    data = b"a" * ((1 << 20) - 1) + "é".encode() + b"b" * 10

    assert find_encoding(io.BytesIO(data)).codec == "utf-8"
    assert find_encoding(io.BytesIO(data)).bad_bytes == 0


def test_a_character_that_is_cut_off_at_the_end_is_told() -> None:
    data = ("é" * 20).encode()[:-1]

    assert find_encoding(io.BytesIO(data)).bad_bytes == 1


def test_controls_that_were_windows_characters_are_shown_as_those() -> None:
    found = read("a,b\n" + "x \x96 y,\x80 5\n" * 3)

    assert found.rows == [["x \u2013 y", "\u20ac 5"]] * 3
    assert found.warned["c1"].count == 6
