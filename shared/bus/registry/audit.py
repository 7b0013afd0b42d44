"""The row of the audit of commands."""

from shared.bus.registry.channel import Channel
from shared.contracts.audit import CommandAudited

AUDIT_COMMAND = Channel(
    CommandAudited.family,
    "AUDIT",
    "discovery",
    (),
    "A command that was settled: who gave it, and what became of it. For those who operate.",
    contract=CommandAudited,
    also_from=("projection",),
)
CHANNELS = (AUDIT_COMMAND,)
