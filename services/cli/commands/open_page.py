"""``mapstream run --open``: shows the page once the gateway answers."""

import asyncio
from urllib.parse import urlsplit

from services.cli.adapters.desktop import open_page

PATIENCE_S = 30.0
PAUSE_S = 0.1


async def open_when_there(url: str, stop: asyncio.Event, *, has_desktop: bool) -> str:
    """Open the page in a browser, and tell what became of that.

    Args:
        url: The gateway's address.
        stop: Set when the run is to end: then nothing is opened any more.
        has_desktop: Whether there is a screen that a browser could show it on.
    """
    if not has_desktop:
        return f"--open: there is no desktop here; open {url} where there is one"
    if not await _answers(url, stop):
        return f"--open: the gateway does not answer yet; open {url} a little later"
    if await asyncio.to_thread(open_page, url):
        return f"opened {url} in a browser"
    return f"--open: no browser took it; open {url} in one"


async def _answers(url: str, stop: asyncio.Event) -> bool:
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + PATIENCE_S
    while loop.time() < until_s and not stop.is_set():
        try:
            _, writer = await asyncio.open_connection(place.hostname, place.port)
        except OSError:
            await asyncio.sleep(PAUSE_S)
        else:
            writer.close()
            return True
    return False
