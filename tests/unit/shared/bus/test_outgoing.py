from services.projection.handlers.events import contract_of
from shared.bus.messages.outgoing import (
    of_any_epoch,
    outgoing_batch,
    outgoing_event,
    outgoing_message,
)
from shared.bus.registry.batches import DISCOVERY_BATCH, EMBEDDING_BATCH
from shared.bus.registry.projection import PROJECTION_MODEL
from shared.bus.registry.sources import SOURCE_FAILED
from shared.contracts.batches import decode
from shared.contracts.projection import ProjectionModel
from shared.contracts.sources import SourceFailed
from tests.builders import NOW, batch
from tests.unit.projection.domain.test_state import model


def test_each_stage_gives_a_batch_an_id_of_its_own() -> None:
    one = batch(batch_id="b", collection="other")

    first, second = (
        outgoing_batch(channel, one) for channel in (DISCOVERY_BATCH, EMBEDDING_BATCH)
    )

    assert (first.message_id, second.message_id) == ("discovery:b", "embedding:b")
    assert first.collection == "other"
    assert decode(first.body).rows.equals(one.rows)


def test_what_is_sent_again_has_another_id_and_is_the_same_batch() -> None:
    one = batch(batch_id="b")
    later = outgoing_batch(EMBEDDING_BATCH, one.of_epoch(1700))

    assert later.message_id == "embedding:b:@1700"
    assert of_any_epoch(later.message_id) == outgoing_batch(EMBEDDING_BATCH, one).message_id
    assert decode(later.body).descriptor.batch_id == "b"


def test_an_event_is_dated_by_when_it_happened() -> None:
    event = SourceFailed(
        id="e", collection="default", occurred_at=NOW, source_id="s", filename="é", reason="r"
    )

    out = outgoing_event(SOURCE_FAILED, event)

    assert (out.message_id, out.time, out.collection) == ("e", NOW, "default")
    assert SourceFailed.model_validate_json(out.body) == event


def test_any_other_message_is_json_too() -> None:
    contract = contract_of("default", model(3))

    out = outgoing_message(PROJECTION_MODEL, "default", contract, message_id="m")

    assert (out.message_id, out.time) == ("m", None)
    assert ProjectionModel.model_validate_json(out.body) == contract
