"""What is given up says where it comes from, and comes back as it was."""

from shared.contracts.batches import decode
from shared.contracts.dead_batches import dead_batch, dead_record
from tests.builders import batch


def test_a_batch_is_kept_whole_with_where_it_comes_from() -> None:
    given = batch()
    facts = given.descriptor

    letter = dead_batch(given, "too large", stage="writing")

    assert decode(letter.body).rows.equals(given.rows)
    assert (letter.key, letter.stage, letter.reason) == (facts.delivery_id, "writing", "too large")
    assert (letter.records, letter.batch_id) == (2, facts.batch_id)
    assert (letter.filename, letter.source_id, letter.source_version) == (
        facts.filename, facts.source_id, facts.source_version,
    )  # fmt: skip
    assert letter.record_id is None


def test_a_record_is_kept_alone_with_its_line_and_a_key_of_its_own() -> None:
    given = batch()

    first, second = (dead_record(given, row, "NaN", stage="projection") for row in (0, 1))

    assert first.key != second.key
    assert second.records == 1
    (kept,) = decode(second.body).rows.to_pylist()
    assert (second.record_id, second.line, second.byte_offset) == (
        kept["id"], kept["line"], kept["byte_offset"],
    )  # fmt: skip
    assert kept == given.rows.slice(1, 1).to_pylist()[0]
