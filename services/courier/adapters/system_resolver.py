"""The resolver of this machine."""

import asyncio

from services.courier.ports import BrokenError

RESOLVE_S = 20.0
TCP = 6
"""The number of the protocol: else each address is told once for each kind of socket."""


class SystemResolver:
    """The resolver of this machine."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """See Resolver."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await loop.getaddrinfo(host, port, proto=TCP)
        except (OSError, UnicodeError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or "it was not told in time"
            raise BrokenError(f"the address of {host} cannot be found: {why}") from error
        if not found:
            raise BrokenError(f"{host} has no address")
        return [str(one[4][0]) for one in found]
