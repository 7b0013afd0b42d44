"""A private object store for a test: S3 by HTTP, which can be killed and started again."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from shared.blobs.s3_objects import Bucket
from tests.nats_server import PORTS

NODE = Path(__file__).parent / "node"
BUCKET = "files"
KEY = SECRET = "S3RVER"  # noqa: S105  # pragma: allowlist secret
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs node")


class S3Server:
    """The server, with one bucket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Start on a port that nobody has, or again on the one that it had."""
        assert (NODE / "node_modules" / "@20minutes").is_dir(), "run: make setup-dev"
        self._folder.mkdir(parents=True, exist_ok=True)
        is_again = self._port != 0
        while True:
            if not is_again:
                self._port = next(PORTS)
            self._process = subprocess.Popen(
                ["node", "s3.mjs", str(self._folder), str(self._port), BUCKET],  # noqa: S607
                cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert self._process.stdout
            if self._process.stdout.readline().strip() == str(self._port):
                return self
            self.kill()  # somebody else has the port

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def bucket(self, prefix: str = "", **facts: Any) -> Bucket:
        told: dict[str, Any] = {
            "name": BUCKET,
            "endpoint": self.endpoint,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }
        return Bucket(prefix=prefix, **told | facts)

    def keys(self, prefix: str = "") -> list[str]:
        """List what is there, by another client than the one that put it there."""
        found = httpx.get(f"{self.endpoint}/{BUCKET}", params={"list-type": 2, "prefix": prefix})
        found.raise_for_status()
        assert "<IsTruncated>false" in found.text
        return re.findall("<Key>(.*?)</Key>", found.text)

    def get(self, key: str) -> bytes:
        return httpx.get(f"{self.endpoint}/{BUCKET}/{key}").raise_for_status().content

    def put(self, key: str, content: bytes) -> None:
        httpx.put(f"{self.endpoint}/{BUCKET}/{key}", content=content).raise_for_status()

    def delete(self, key: str) -> None:
        httpx.delete(f"{self.endpoint}/{BUCKET}/{key}").raise_for_status()
