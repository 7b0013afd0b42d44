import pytest

from shared.bus.consuming.settling import dead_message
from shared.bus.messages.headers import batch_facts, batch_headers
from shared.bus.messages.outgoing import outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH
from tests.builders import batch
from tests.unit.shared.bus.test_poison_guard import message

FACTS = {
    "records": 2,
    "filename": "a.jsonl",
    "source_id": "source-0",
    "source_version": 1,
    "batch_id": "batch-0",
}


def test_headers_tell_what_a_batch_is_a_piece_of() -> None:
    assert batch_facts(outgoing_batch(DISCOVERY_BATCH, batch()).headers) == FACTS


@pytest.mark.parametrize("name", batch_headers(batch()))
@pytest.mark.parametrize("instead", [None, "-1", "1" * 5000, "²"])
def test_headers_that_do_not_tell_all_tell_nothing(name: str, instead: str | None) -> None:
    headers = batch_headers(batch())
    is_number = name.endswith(("records", "version"))
    if instead is None:
        del headers[name]
    else:
        headers[name] = instead

    assert bool(batch_facts(headers)) == (instead is not None and not is_number)


@pytest.mark.parametrize("body", [b"", b"cut off", b"\xff" * 100])
def test_a_batch_whose_body_is_damaged_is_still_accounted_for(body: bytes) -> None:
    """Else its source would wait for records that never come."""
    raw = message()
    raw.data = body
    raw.headers = {"content-type": DISCOVERY_BATCH.content_type, **batch_headers(batch())}

    letter = dead_message(raw, stage="embedding", reason="invalid")

    assert {name: getattr(letter, name) for name in FACTS} == FACTS


def test_a_batch_without_those_headers_is_read_unless_that_may_end_the_process() -> None:
    raw = message()
    raw.data = outgoing_batch(DISCOVERY_BATCH, batch()).body
    raw.headers = {"content-type": DISCOVERY_BATCH.content_type}

    read = dead_message(raw, stage="embedding", reason="invalid")
    unread = dead_message(raw, stage="embedding", reason="ended", is_readable=False)

    assert (read.batch_id, unread.batch_id, unread.records) == ("batch-0", None, 0)
