"""What the labels do by themselves: follow which maps were published, and label them."""

import asyncio
from functools import partial

import structlog

from services.labels.handlers.labelling import Labelling
from shared.bus.publishing.publisher import Publisher
from shared.bus.reading.direct_get import Stored
from shared.bus.reading.stream_reader import StreamReader, patiently
from shared.bus.registry.channel import split_subject
from shared.waits import WAITS

LOOK_S = 1.0
STEP = 256
SWEEP_S = 3600.0
"""Between two looks at all maps: an event may have been missed, or be too old to be kept."""
FOLLOWING, LABELLING = "following which maps are published", "labelling a map"
log = structlog.get_logger(__name__)


async def follow_published(labelling: Labelling, reader: StreamReader) -> None:
    """Look at every map at first and now and then, and at those that were published, for ever."""
    loop = asyncio.get_running_loop()
    position = (await patiently(reader.state)).last_seq
    swept_s = float("-inf")
    while True:
        messages, has_more = list[Stored](), False
        with WAITS.retrying(FOLLOWING, partial(log.warning, "labels.waiting")):
            if loop.time() - swept_s >= SWEEP_S:
                # A stream that was made anew has other places.
                position = (await reader.state()).last_seq
                await labelling.look_at_all()
                swept_s = loop.time()
            messages, has_more = await reader.some(position, STEP)
        if messages:
            position = messages[-1].sequence
            labelling.changed({split_subject(one.subject)[1] for one in messages})
        if not has_more:
            await asyncio.sleep(LOOK_S)


async def keep_labelled(labelling: Labelling, publisher: Publisher) -> None:
    """Label maps one by one, for ever."""
    while True:
        with WAITS.retrying(LABELLING, partial(log.warning, "labels.postponed")):
            await publisher.publish_steps(labelling.label_next())
        await asyncio.sleep(LOOK_S)
