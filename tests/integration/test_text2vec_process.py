"""The server as a process: start, answer, stop."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration


@contextmanager
def start(**settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if "MAPSTREAM" not in name}
    environment |= {f"MAPSTREAM_TEXT2VEC__{key.upper()}": settings[key] for key in settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.text2vec"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def find_port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "server.started":
            return event["port"]
    raise AssertionError("the server did not start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_free_port_is_logged_and_a_signal_ends_with_code_0(number: signal.Signals) -> None:
    with start(port="0") as process:
        url = f"http://127.0.0.1:{find_port(process)}"

        health = httpx.get(f"{url}/health", trust_env=False, timeout=PATIENCE_S).json()
        answer = httpx.post(
            f"{url}/v1/embeddings", json={"input": "a"}, trust_env=False, timeout=PATIENCE_S
        )
        process.send_signal(number)

        assert health["status"] == "ok"
        assert len(answer.json()["data"][0]["embedding"]) == health["dimension"]
        assert process.wait(PATIENCE_S) == 0


def test_a_taken_port_ends_with_code_2() -> None:
    with start(port="0") as first, start(port=str(find_port(first))) as second:
        assert second.wait(PATIENCE_S) == 2
        assert second.stderr is not None
        assert "Address already in use" in second.stderr.read()


def test_a_huge_body_is_answered_with_413() -> None:
    with start(port="0", max_body_bytes="1048576") as process:
        url = f"http://127.0.0.1:{find_port(process)}/vectors"

        answer = httpx.post(url, content=bytes(5_000_000), trust_env=False, timeout=PATIENCE_S)

        assert answer.status_code == 413


def test_connections_that_only_wait_keep_nobody_out() -> None:
    """As at the gateway: the door is the same."""
    with start(port="0") as process:
        port = find_port(process)
        flood = []
        for _ in range(700):
            one = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
            one.sendall(b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n")
            flood.append(one)
        url = f"http://127.0.0.1:{port}/health"
        answer = httpx.get(url, trust_env=False, timeout=PATIENCE_S)
        for one in flood:
            one.close()

        assert answer.status_code == 200
