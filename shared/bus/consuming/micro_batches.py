"""How large micro-batches are, and how what is in hand comes to its end."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from nats.aio.msg import Msg

from shared.bus.consuming.pull_consumer import weight_of
from shared.waits import Work

GRACEFUL_S = 10.0
"""How long what is in hand may take to be finished when the service stops."""
AFTER_WORK_S = 2.0
LOOK_S = 0.1
"""How often it is looked whether what is in hand merely waits for somebody else."""


async def wind_up(work: asyncio.Future[Any], parts: Work) -> None:
    """Let work be finished if it can be soon; a part that waits for somebody else cannot."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        while not work.done():
            patience_s = min([GRACEFUL_S, *parts.patience_s.values()])
            if loop.time() - started >= patience_s:
                break
            await asyncio.wait({work}, timeout=LOOK_S)
    finally:
        if not work.done():
            work.cancel()
    await asyncio.wait({work}, timeout=AFTER_WORK_S)


class Window:
    """How many messages to ask for ahead: such as those before made as many as are wanted.

    Without a limit of weight, that is one micro-batch. With one, it follows what messages weigh:
    large ones are not hoarded, which another replica could handle, and small ones do not come
    one by one.
    """

    def __init__(self, max_messages: int, max_weight: float, concurrency: int) -> None:
        self._max_messages = max_messages
        self._max_weight = max_weight
        self._concurrency = concurrency
        self.messages = concurrency if math.isfinite(max_weight) else max_messages

    def after(self, raws: Sequence[Msg]) -> int:
        """Take note of the last micro-batch; it grows by steps, and shrinks at once."""
        if math.isfinite(self._max_weight):
            mean = sum(map(weight_of, raws)) / len(raws)
            fitting = int(self._max_weight / mean) if mean else self._max_messages
            wanted = self._concurrency * max(1, min(fitting, self._max_messages))
            self.messages = min(wanted, 2 * self.messages)
        return self.messages
