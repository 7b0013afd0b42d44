"""The row of the audit of commands."""

from shared.bus.registry import commands
from shared.bus.registry.channel import Channel
from shared.contracts.audit import CommandAudited

ANSWERING = dict.fromkeys(name for one in commands.CHANNELS for name in one.consumers)
"""Who carries commands out, and so audits them."""
AUDIT_COMMAND = Channel(
    CommandAudited.family,
    "AUDIT",
    "discovery",
    (),
    "A command that was settled: who gave it, and what became of it. For those who operate.",
    contract=CommandAudited,
    also_from=tuple(one for one in ANSWERING if one != "discovery"),
)
CHANNELS = (AUDIT_COMMAND,)
