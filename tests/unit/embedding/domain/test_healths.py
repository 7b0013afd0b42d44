from services.embedding.domain.backoff import Healths, ServerHealth


def test_one_collection_that_is_blocked_beside_others_is_named() -> None:
    healths = Healths({"a": ServerHealth(blocked="away"), "b": ServerHealth()})

    assert healths.together.blocked == "a: away"
    assert healths.blocked_collections == {"a": "away"}


def test_all_that_are_blocked_are_told_of_once() -> None:
    healths = Healths({"a": ServerHealth(blocked="away"), "b": ServerHealth(blocked="away")})

    assert healths.together.blocked == "away"


def test_of_a_collection_that_is_left_the_counts_stay() -> None:
    health = ServerHealth(blocked="away", texts=3, rejected=1, dimensions={"a": 4})
    healths = Healths({"a": health, "b": ServerHealth(texts=2, dimensions={"b": 5})})

    healths.leave("a")

    assert healths.together == ServerHealth(texts=5, rejected=1, dimensions={"b": 5})
