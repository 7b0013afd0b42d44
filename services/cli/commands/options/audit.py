"""``mapstream audit``: its options."""

from services.cli import commands
from services.cli.commands.options.asked import Asked, Newest, asks_the_bus


@asks_the_bus()
def audit(
    asked: Asked,
    *,
    limit: Newest = 50,
) -> None:
    """Tell who gave which command to a collection, and what became of it, refused ones too.

    Who is the user of the bus, gateway:NAME with a token of the gateway, or local (local:NAME).
    """
    asked.do(lambda options, settings: commands.audit.show(options, settings, limit=limit))
