"""The example of an analysis service, for tests of what asks it."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE = Path(__file__).parents[2] / "examples" / "analysis" / "server.py"


@dataclass
class Analysis:
    """The example of an analysis service, as a process that may be killed."""

    folder: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(SERVICE), "--port", str(self.port), "--state", str(self.folder),
            *options,
        )  # fmt: skip

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def jobs(self) -> list[dict[str, Any]]:
        return [json.loads(one.read_bytes()) for one in self.folder.glob("*.json")]
