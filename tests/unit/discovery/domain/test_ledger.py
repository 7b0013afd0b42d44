from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.batch_accounts import BatchAccount

NEWS = st.lists(
    st.tuples(st.sampled_from(["record", "commit", "dead_letter"]), st.integers(0, 5)), max_size=8
)


@given(NEWS)
def test_an_account_is_never_overdrawn(news: list[tuple[str, int]]) -> None:
    account = BatchAccount()

    for name, number in news:
        account = getattr(account, name)(number)
        assert account.in_flight >= 0
        assert account.records >= account.mapped + account.dead


@given(st.permutations([("record", 5), ("commit", 4), ("dead_letter", 1)]))
def test_the_order_of_the_news_makes_no_difference(news: list[tuple[str, int]]) -> None:
    account = BatchAccount()
    for name, number in news:
        account = getattr(account, name)(number)

    assert (account.records, account.mapped, account.dead, account.is_settled) == (5, 4, 1, True)


def test_a_batch_with_records_on_the_way_is_not_settled() -> None:
    assert not BatchAccount().record(5).commit(4).is_settled


def test_an_empty_batch_is_settled_by_its_commit_only() -> None:
    assert not BatchAccount().record(0).is_settled
    assert BatchAccount().record(0).commit(0).is_settled


def test_a_replayed_record_is_dead_no_more() -> None:
    account = BatchAccount().record(5).commit(4).dead_letter(1).commit(5)

    assert (account.mapped, account.dead) == (5, 0)
