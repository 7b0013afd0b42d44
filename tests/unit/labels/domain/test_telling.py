import numpy as np
import pytest

from services.labels.domain.telling import Wordings, named

TEXTS = np.array([100, 100, 100, 100])


def told(shares: dict[str, tuple[float, ...]], texts: np.ndarray = TEXTS) -> list[list[str]]:
    return Wordings([*shares], np.array([*shares.values()]).T, texts).telling()


def test_what_only_one_region_says_names_it_and_what_all_say_names_none() -> None:
    found = told(
        {
            "the": (0.9, 0.8, 0.9, 0.7),
            "refund": (0.4, 0.0, 0.0, 0.0),
            "parser": (0.0, 0.3, 0.0, 0.0),
            "answer": (0.2, 0.2, 0.2, 0.2),
            "seldom": (0.01, 0.0, 0.0, 0.0),
        }
    )

    assert found == [["refund"], ["parser"], [], []]


def test_words_of_one_language_are_no_names_beside_another_one() -> None:
    """Half of the map is Russian: 'the' is in half of all texts, and says nothing."""
    found = told(
        {
            "the": (0.9, 0.9, 0.9, 0.0, 0.0, 0.0),
            "when": (0.3, 0.4, 0.3, 0.0, 0.0, 0.0),
            "если": (0.0, 0.0, 0.0, 0.4, 0.3, 0.3),
            "refund": (0.5, 0.0, 0.0, 0.0, 0.0, 0.0),
            "graph": (0.0, 0.5, 0.0, 0.0, 0.0, 0.0),
            "parser": (0.0, 0.0, 0.5, 0.0, 0.0, 0.0),
            "возврат": (0.0, 0.0, 0.0, 0.5, 0.0, 0.0),
            "граф": (0.0, 0.0, 0.0, 0.0, 0.5, 0.0),
            "разбор": (0.0, 0.0, 0.0, 0.0, 0.0, 0.5),
        },
        np.full(6, 100),
    )

    assert found == [["refund"], ["graph"], ["parser"], ["возврат"], ["граф"], ["разбор"]]


def test_forms_of_one_word_name_a_region_once() -> None:
    found = told({"refund": (0.5, 0, 0, 0), "refunds": (0.4, 0, 0, 0), "payment": (0.3, 0, 0, 0)})

    assert found[0] == ["refund", "payment"]


def test_a_map_without_words_has_no_names() -> None:
    assert told({"x": (0.0, 0.0, 0.0, 0.0)}) == [[], [], [], []]


def test_a_name_stays_while_most_of_its_words_tell() -> None:
    before = ("refund", "card", "payment")

    assert named(["bank", "card", "refund", "money"], before) == before
    assert named(["bank", "card", "money", "cash"], before) == ("bank", "card", "money")
    assert named(["bank"], ()) == ("bank",)
    assert named([], before) == ()


def test_what_chance_makes_differ_does_not_part_what_says_the_same() -> None:
    shares = np.array([[0.5, 0.4, 0.0], [0.4, 0.5, 0.0], [0.5, 0.0, 0.4]])

    few = Wordings(["the", "refund", "parser"], shares, np.full(3, 20)).likeness()
    many = Wordings(["the", "refund", "parser"], shares, np.full(3, 100_000)).likeness()

    assert few[0, 1] == 1.0
    assert many[0, 1] == pytest.approx(1 - 0.2 / 1.0, abs=0.02)
    assert many[0, 2] == pytest.approx(1 - 0.8 / 1.3, abs=0.02)
    assert np.diag(many).tolist() == [1.0, 1.0, 1.0]
