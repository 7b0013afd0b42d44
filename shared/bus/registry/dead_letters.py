"""The rows of dead letters, and of events about them."""

from shared.bus.registry.channel import Channel, event_channel
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.services import READERS

LETTERS_REPLAYED = event_channel(
    LettersReplayed,
    "discovery",
    "Dead letters were sent again, as asked for; and which could not be, and why.",
)
LETTERS_DROPPED = event_channel(
    LettersDropped, "discovery", "Dead letters were given up for good, as asked for."
)


def _dead(stage: str) -> Channel:
    return Channel(
        f"dead.{stage}",
        "DEAD_LETTERS",
        stage,
        ("discovery",),
        f"What {stage} could not handle, with the reason.",
        id_prefix=f"dead:{stage}",
        removed_by=("discovery",),
    )


DEAD = {stage: _dead(stage) for stage in READERS}
DEAD_DISCOVERY, DEAD_EMBEDDING, DEAD_PROJECTION, DEAD_WRITING = DEAD.values()
DEAD_STREAM = DEAD_DISCOVERY.stream
EVERY_DEAD = _dead("*")
"""No channel of its own: the letters of all stages, to be asked for together."""
CHANNELS = (LETTERS_REPLAYED, LETTERS_DROPPED, *DEAD.values())
