"""What goes together and what waits for what, before any server has a say."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from nats.js.api import PubAck
from nats.js.errors import ServiceUnavailableError

from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.publishing.publisher import MAX_MESSAGE, TOGETHER, Publisher
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.channel import Channel
from shared.bus.registry.dead_letters import DEAD_EMBEDDING
from shared.errors import InvalidMessage
from tests.waiting import until

if TYPE_CHECKING:
    from faststream.nats import NatsBroker


class SlowBroker:
    """Takes a while to store a message, and remembers what happened."""

    def __init__(self) -> None:
        self.happened: list[tuple[str, str]] = []
        self.under_way = 0
        self.most = 0

    async def publish(self, _body: bytes, _subject: str, **options: Any) -> PubAck:
        name = options["headers"]["Nats-Msg-Id"]
        self.happened.append(("sent", name))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        self.under_way -= 1
        self.happened.append(("stored", name))
        return PubAck("STREAM", seq=sum(what == "stored" for what, _ in self.happened))


class FullBroker(SlowBroker):
    """Refuses what it is given, some times over, as a full stream or an absent server does."""

    def __init__(self, *refusals: Exception) -> None:
        super().__init__()
        self._refusals = list(refusals)

    async def publish(self, _body: bytes, _subject: str, **options: Any) -> PubAck:
        if self._refusals:
            raise self._refusals.pop()
        return await super().publish(_body, _subject, **options)


def message(channel: Channel, name: str, size: int = 1) -> Outgoing:
    return Outgoing(channel, "default", name, b"x" * size)


def publisher(broker: SlowBroker) -> Publisher:
    return Publisher(cast("NatsBroker", broker), "embedding")


async def test_messages_of_one_channel_go_together_up_to_a_bound() -> None:
    broker = SlowBroker()

    place = await publisher(broker).publish_all(
        [message(EMBEDDING_BATCH, str(number)) for number in range(100)]
    )

    assert place == 100
    assert broker.most == TOGETHER
    assert sorted(name for what, name in broker.happened if what == "stored") == sorted(
        map(str, range(100))
    )


async def test_a_batch_goes_after_the_letters_of_its_records_are_stored() -> None:
    broker = SlowBroker()

    await publisher(broker).publish_all(
        [
            message(DEAD_EMBEDDING, "letter 1"),
            message(DEAD_EMBEDDING, "letter 2"),
            message(EMBEDDING_BATCH, "batch"),
        ]
    )

    assert broker.happened[-2:] == [("sent", "batch"), ("stored", "batch")]
    assert {name for what, name in broker.happened[:-2] if what == "stored"} == {
        "letter 1",
        "letter 2",
    }


async def test_a_message_that_is_too_large_is_told_as_such() -> None:
    with pytest.raises(InvalidMessage):
        await publisher(SlowBroker()).publish_all(
            [message(EMBEDDING_BATCH, "1"), message(EMBEDDING_BATCH, "2", MAX_MESSAGE + 1)]
        )


async def test_a_handler_goes_on_when_its_step_is_stored() -> None:
    broker = SlowBroker()

    async def handler() -> Steps:
        yield [message(EMBEDDING_BATCH, "a"), message(EMBEDDING_BATCH, "b")]
        broker.happened.append(("noted", "a and b"))
        yield []
        yield [message(EMBEDDING_BATCH, "c")]
        broker.happened.append(("noted", "c"))

    await publisher(broker).publish_steps(handler())

    assert broker.happened[4:] == [
        ("noted", "a and b"),
        ("sent", "c"),
        ("stored", "c"),
        ("noted", "c"),
    ]


async def test_a_handler_does_not_go_on_when_its_step_cannot_be_stored() -> None:
    broker, order = SlowBroker(), asyncio.Lock()

    async def handler() -> Steps:
        async with order:
            yield [message(EMBEDDING_BATCH, "large", MAX_MESSAGE + 1)]
            broker.happened.append(("noted", "large"))

    with pytest.raises(InvalidMessage, match="the bus takes"):
        await publisher(broker).publish_steps(handler())

    assert broker.happened == []
    assert not order.locked()


@pytest.mark.parametrize(
    "refusal", [ServiceUnavailableError(), TimeoutError(), ConnectionResetError()]
)
async def test_what_is_refused_for_now_is_sent_until_it_is_stored(refusal: Exception) -> None:
    broker = FullBroker(refusal, refusal)

    place = await publisher(broker).publish(message(EMBEDDING_BATCH, "late"))

    assert place == 1
    assert broker.happened == [("sent", "late"), ("stored", "late")]


async def test_what_comes_after_a_message_that_was_refused_waits_until_that_is_stored() -> None:
    broker = FullBroker(ServiceUnavailableError())
    sender = publisher(broker)
    async with asyncio.TaskGroup() as group:
        group.create_task(sender.publish(message(EMBEDDING_BATCH, "large", 1000)))
        while not sender.waiting_since_tries:
            await asyncio.sleep(0)
        await sender.publish(message(EMBEDDING_BATCH, "small"))

    assert [name for _, name in broker.happened] == ["large", "large", "small", "small"]


class FullSubject(SlowBroker):
    """Takes nothing of one subject until it is told to."""

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self.tries = 0

    async def publish(self, _body: bytes, _subject: str, **options: Any) -> PubAck:
        if _subject == self.subject:
            self.tries += 1
            why = "maximum messages per subject exceeded"
            raise ServiceUnavailableError(code=503, err_code=10077, description=why)
        return await super().publish(_body, _subject, **options)


async def test_a_full_subject_keeps_nobody_from_another_one() -> None:
    broker = FullSubject(EMBEDDING_BATCH.subject("default"))
    sender = publisher(broker)
    async with asyncio.TaskGroup() as group:
        stuck = [
            group.create_task(sender.publish(message(EMBEDDING_BATCH, f"stuck {number}")))
            for number in range(5)
        ]
        await until(lambda: broker.tries > 1)
        for number in range(5):
            await sender.publish(Outgoing(EMBEDDING_BATCH, "other", f"other {number}", b""))
        assert not any(one.done() for one in stuck)
        assert {name for _, name in broker.happened} == {f"other {number}" for number in range(5)}
        broker.subject = ""

    stored = [name for what, name in broker.happened if what == "stored"]
    assert stored[5:] == [f"stuck {number}" for number in range(5)]
