import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.cli.adapters.ports import is_listening, kept_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps ports")


@contextmanager
def listening(port: int) -> Iterator[None]:
    """Listen as servers do."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield


def test_who_asks_for_it_may_listen_again_and_again() -> None:
    with kept_port() as port:
        for _ in range(3):
            assert not is_listening(port)
            with listening(port):
                assert is_listening(port)
                with pytest.raises(OSError, match="in use"), listening(port):
                    pass


def test_nobody_else_gets_it() -> None:
    """As the system sees it when it chooses a port: not one that could be shared."""
    with kept_port() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
