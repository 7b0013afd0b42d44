"""What real files have and no writer of tables writes: each has a behaviour, and is told."""

import pytest

from tests.unit.shared.readers.readings import lines, read

HEADER = ["id", "name", "amount", "note"]
BODY = [[str(n), f"name {n}", f"{n}.50", f"some, text {n}"] for n in range(1, 21)]


def table(rows: list[list[str]], end: str = "\r\n") -> list[str]:
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in rows]
    return lines(quoted, end=end).split(end)[:-1]


def joined(raw: list[str], end: str = "\r\n") -> str:
    return end.join(raw) + end


GOOD = table([HEADER, *BODY])


def test_all_is_text_and_nothing_is_guessed_away() -> None:
    cells = ["007", "0x1F", "9e42", "1,234.50", "£68,486.66", "TRUE", "2020-01-01", "NaN", " a "]
    found = read(lines([[f"c{n}" for n in range(9)], *[[f'"{one}"' for one in cells]] * 9]))

    assert found.rows == [cells] * 9


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_any_end_of_a_line(end: str) -> None:
    found = read(joined(GOOD, end))

    assert found.rows == BODY
    assert found.records[0].number == 2
    assert "blank" not in found.warned


def test_ends_of_lines_may_be_mixed() -> None:
    text = "\r".join(GOOD[:5]) + "\n" + "\r\n".join(GOOD[5:12]) + "\r\n" + "\n".join(GOOD[12:])

    assert read(text).rows == BODY


@pytest.mark.parametrize(
    ("number", "broken", "mended"),
    [
        (3, '3,"name 3,3.50,"some, text 3"', ["3", '"name 3', "3.50", "some, text 3"]),
        (4, '4,name 4,4.50,""some, text 4"', ["4", "name 4", "4.50", '"some, text 4']),
        (5, '5,name 5,5.50,"', ["5", "name 5", "5.50", '"']),
        (6, '6,na"me 6,6.50,"some, text 6"', ["6", 'na"me 6', "6.50", "some, text 6"]),
        (7, '7,"na"me" 7",7.50,x', ["7", 'na"me" 7', "7.50", "x"]),
    ],
)
def test_a_stray_quote_takes_one_line_at_most(number: int, broken: str, mended: list[str]) -> None:
    raw = list(GOOD)
    raw[number] = broken

    found = read(joined(raw))
    assert found.rows == [*BODY[: number - 1], mended, *BODY[number:]]
    assert number == 6 or found.warned["stray-quotes"].places == (f"line {number + 1}",)


def test_a_stray_quote_that_closes_lines_later_takes_none_of_them() -> None:
    raw = [one.replace('"', "").replace("some, ", "some ") for one in GOOD]
    raw[3] = '3,"name 3,3.50,some text 3'
    raw[9] = '9,name 9,9.50",some text 9'
    rows = [[cell.replace("some, ", "some ") for cell in row] for row in BODY]

    found = read(joined(raw))
    assert [row[0] for row in found.rows] == [row[0] for row in rows]
    assert found.rows[3:7] == rows[3:7]
    assert found.rows[2] == ["3", '"name 3', "3.50", "some text 3"]


def test_an_open_quote_at_the_end_takes_nothing_else() -> None:
    found = read(joined([*GOOD, '21,"open']))

    assert found.rows[:20] == BODY
    assert found.rows[20][0] == "21"
    assert "stray-quotes" in found.warned


def test_a_short_record_is_filled_and_told() -> None:
    raw = list(GOOD)
    raw[9] = "9,name 9"

    found = read(joined(raw))
    assert found.rows[8] == ["9", "name 9", "", ""]
    assert found.warned["short"].places == ("line 10",)


def test_a_long_record_is_named_and_the_others_stay() -> None:
    raw = list(GOOD)
    raw[9] = "9,name 9,9.50,some, text 9"

    found = read(joined(raw))
    assert found.rows == BODY[:8] + BODY[9:]
    (bad,) = found.bad
    assert (bad.number, bad.reason) == (10, "it has 5 cells and the table 4 columns")
    assert "name 9" in bad.text
    assert found.warned["long"].count == 1


def test_empty_cells_too_many_at_the_end_are_cut() -> None:
    raw = list(GOOD)
    raw[9] += ",,"

    found = read(joined(raw))
    assert found.rows == BODY
    assert found.warned["surplus"].count == 1


def test_a_delimiter_too_many_moves_no_cell_to_another_column() -> None:
    rows = [[*row[:3], ""] for row in BODY]
    raw = table([HEADER, *rows])
    raw[9] = "9,,name 9,9.50,"

    found = read(joined(raw))
    assert found.rows == rows
    assert found.warned["realigned"].places == ("line 10",)


def test_where_it_could_be_either_nothing_is_moved() -> None:
    rows = [[str(n), f"name {n}" if n % 2 else "", "", f"x{n}"] for n in range(1, 21)]
    raw = table([HEADER, *rows])
    raw[9] = "9,,,name 9,x"

    found = read(joined(raw))
    assert [bad.number for bad in found.bad] == [10]


def test_many_long_records_make_a_wider_table() -> None:
    raw = [*GOOD, *[f"{n},a,b,c,d" for n in range(30, 33)]]

    found = read(joined(raw))
    assert found.columns == [*HEADER, "column 5"]
    assert found.rows[-1] == ["32", "a", "b", "c", "d"]
    assert len(found.rows) == 23


def test_titles_above_the_header_are_notes() -> None:
    raw = ["Sales of the year", "", "Produced by us,,,", *GOOD]

    found = read(joined(raw))
    assert found.columns == HEADER
    assert found.rows == BODY
    assert found.tables[0].notes == ((1, "Sales of the year"), (3, "Produced by us"))
    assert found.tables[0].header == (4,)
    assert found.warned["notes"].count == 2


def test_a_header_may_have_several_rows() -> None:
    raw = ["Region,2019,,2020,", ",north,south,north,south", *[f"r{n},1,2,3,4" for n in range(9)]]

    found = read(joined(raw))
    assert found.columns == [
        "Region", "2019 / north", "2019 / south", "2020 / north", "2020 / south",
    ]  # fmt: skip
    assert found.tables[0].header == (1, 2)
    assert len(found.rows) == 9


def test_a_row_of_units_belongs_to_the_header() -> None:
    found = read("time,speed\n(s),(m/s)\n" + "".join(f"{n},{n}.5\n" for n in range(9)))

    assert found.columns == ["time / (s)", "speed / (m/s)"]
    assert len(found.rows) == 9


def test_a_first_record_with_a_missing_value_is_no_header() -> None:
    found = read("name,points\nAnna,n/a\n" + "".join(f"p{n},{n}\n" for n in range(9)))

    assert found.columns == ["name", "points"]
    assert found.rows[0] == ["Anna", "n/a"]
    assert found.warned["stand-in"].count == 1


def test_years_may_name_columns() -> None:
    found = read("country,2019,2020,2021\n" + "".join(f"c{n},1,2,{n}\n" for n in range(9)))

    assert found.columns == ["country", "2019", "2020", "2021"]
    assert len(found.rows) == 9


def test_without_a_header_the_columns_are_numbered_and_the_first_record_stays() -> None:
    found = read(joined(GOOD[1:]))

    assert found.columns == ["column 1", "column 2", "column 3", "column 4"]
    assert found.rows == BODY
    assert found.facts["header"] == "none"


def test_names_that_repeat_or_lack_are_told_apart() -> None:
    found = read("name,,name,name\n" + "".join(f"a,b{n},c,{n}\n" for n in range(9)))

    assert found.columns == ["name", "column 2", "name (C1)", "name (D1)"]


def test_a_header_that_is_longer_than_its_records() -> None:
    found = read("a,b,c,d\n" + "".join(f"{n},x,y\n" for n in range(9)))

    assert found.columns == ["a", "b", "c", "d"]
    assert found.rows[0] == ["0", "x", "y", ""]


def test_blank_lines_are_counted_and_none_is_a_record() -> None:
    found = read(joined([*GOOD[:5], "", ",,,", *GOOD[5:], "", ""]))

    assert found.rows == BODY
    assert found.warned["blank"].count == 4


def test_notes_at_the_end_are_kept_and_told() -> None:
    found = read(joined([*GOOD, "", "Source: our books"]))

    assert found.rows == [*BODY, ["Source: our books", "", "", ""]]
    assert found.warned["lone"].places == ("line 23",)


def test_a_header_that_comes_again_is_told() -> None:
    found = read(joined([*GOOD, *GOOD]))

    assert len(found.rows) == 2 * len(BODY) + 1
    assert found.warned["header-again"].places == ("line 22",)


def test_zero_bytes_are_left_out_and_told() -> None:
    found = read(joined(GOOD).replace("name 3", "na\0me 3"))

    assert found.rows == BODY
    assert found.warned["nul"].places == ("line 4",)


def test_formulas_stay_as_they_are() -> None:
    cells = ["=1+1", "+cmd|' /C calc'!A0", "@SUM(1)", "-2"]
    found = read("a,b,c,d\n" + "".join(",".join(cells) + "\n" for _ in range(5)))

    assert found.rows == [cells] * 5


def test_only_a_header_is_a_table_without_records() -> None:
    found = read("a,b,c\n")

    assert (found.columns, found.rows) == (["a", "b", "c"], [])
