"""Leads a run to the points of jobs: what is submitted and cancelled so that each is passed."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.bus.registry.channel import Channel
from shared.bus.registry.commands import COMMAND_SUBMIT
from shared.failpoints import Failpoint
from tests.chaos.inputs import Inputs

OF_JOBS = (
    Failpoint.SUBMITTED,
    Failpoint.JOBS_TOLD,
    Failpoint.FORGETTING,
    Failpoint.DISCARDING,
)
"""What is passed when jobs are done."""
Send = Callable[[Channel, dict[str, Any]], Awaitable[None]]


async def lead_to_job(point: str, turn: int, inputs: Inputs, send: Send) -> None:
    """Submit a job, and cancel it for another one, each in its turn of twenty."""
    if point not in OF_JOBS:
        return
    if turn == 2 and point == Failpoint.FORGETTING:
        if (name := inputs.forget()) is not None:
            await send(COMMAND_SUBMIT, {"kind": "delete", "sources": [name]})
    elif turn in (2, 6, 7, 8):
        # The same source each time: the second one cancels the first, on its way as a rule.
        name = inputs.reembedded if turn > 2 else inputs.reembed()
        if name is not None:
            wish = {"kind": "re-embed", "sources": [name], "is_fresh": True, "cancels": True}
            await send(COMMAND_SUBMIT, wish)
