from services.gateway.domain.operations import Progress, State, Verdict


def test_an_operation_is_pending_until_it_is_judged() -> None:
    assert Progress().state is State.PENDING
    assert Progress().judged(Verdict(State.HELD, "x")).state is State.HELD


def test_a_new_model_counts_when_the_files_have_it_whatever_is_told_first() -> None:
    done = Verdict(State.DONE, "x", version=3)

    assert Progress().judged(done).state is State.PENDING
    assert Progress().judged(done).published(2).state is State.PENDING
    assert Progress().judged(done).published(3).state is State.DONE
    assert Progress().published(4).published(None).judged(done).state is State.DONE


def test_the_first_answer_counts() -> None:
    """A command that is delivered twice may be answered twice."""
    progress = Progress().judged(Verdict(State.DONE, "x"))

    assert progress.judged(Verdict(State.REJECTED, "y")).state is State.DONE
