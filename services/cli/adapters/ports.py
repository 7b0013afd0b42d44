"""Ports of the loopback address for processes that are started later."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """Find a free port, and keep it until the block ends for whoever asks for exactly this one.

    A port that is merely free now may be gone when its process has been loaded, or while it is
    started again: the system gives it to anybody who wants any port. On Linux it does not while a
    socket is bound to it; and since that one never listens, another with ``SO_REUSEADDR`` may.
    Elsewhere the port is only known to be free now.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = int(keeper.getsockname()[1])
        if sys.platform != "linux":
            keeper.close()
        yield port


def is_listening(port: int) -> bool:
    """Tell whether something answers on a port of the loopback address."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
