"""The probe as a container runs it: a process of its own."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.waiting import PATIENCE_S


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()
        self.wfile.write(b'{"state": "waiting"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def probe(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shared.observability.probe", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def test_a_service_that_is_ready_is_healthy(url: str) -> None:
    done = probe(f"{url}/ready")

    assert (done.returncode, done.stdout) == (0, '{"state": "waiting"}\n')


def test_a_service_that_is_not_ready_or_not_there_is_not(url: str) -> None:
    assert probe(f"{url}/other").returncode == 1
    assert "503" in probe(f"{url}/other").stderr
    assert probe("http://127.0.0.1:9/ready").returncode == 1


@pytest.mark.parametrize("words", [(), ("file:///etc/passwd",)])
def test_anything_but_http_is_refused(words: tuple[str, ...]) -> None:
    done = probe(*words)

    assert done.returncode == 1
    assert "usage" in done.stderr
