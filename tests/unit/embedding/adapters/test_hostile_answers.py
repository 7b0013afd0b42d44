"""A process with little memory, and a server that answers with far more than was asked for."""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.observability.health import serving
from tests.waiting import PATIENCE_S

MIB = 1 << 20
LIMIT_MIB = 192
"""What the process may have beside what it has when it begins."""
SIZE = 250 * MIB
CLIENT = """
import asyncio, pathlib, resource, sys
from services.embedding.adapters.answer_memory import AnswerMemory, memory_for_answers
from services.embedding.adapters.http_client import build_client
from services.embedding.adapters.openai_embedder import OpenaiEmbedder
from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError

used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = used + {limit} * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
memory = AnswerMemory(memory_for_answers())

async def main():
    async with build_client("{url}", api_key=None, timeout_s={timeout}) as client:
        embedder = OpenaiEmbedder(client, model="m", max_texts=128, memory=memory)
        async def ask(texts):
            try:
                return (await embedder.embed(texts)).shape
            except (EmbedderUnavailableError, TextsRejectedError) as error:
                return error
        for told in await asyncio.gather(*(ask(["hostile"] * 128) for _ in range(8))):
            assert isinstance(told, EmbedderUnavailableError), told
            print(told.is_slow, told)
        print(await ask(["honest"] * 128))
        print(await asyncio.gather(*(ask(["honest"] * 128) for _ in range(8))))

asyncio.run(main())
"""
KINDS = {
    "numbers": b'{"data":[{"index":0,"embedding":[' + b"0.5," * (SIZE // 4) + b"1]}]}",
    "lists": b'{"data":[' + b"[]," * (SIZE // 3) + b"1]}",
}


@asynccontextmanager
async def hostile(kind: str) -> AsyncIterator[str]:
    bomb = gzip.compress(KINDS[kind], 1)
    honest = json.dumps({"data": [{"index": i, "embedding": [0.25] * 768} for i in range(128)]})

    async def answer(request: Request) -> Response:
        if "hostile" in json.loads(await request.body())["input"]:
            return Response(bomb, headers={"content-encoding": "gzip"})
        return Response(honest)

    app = Starlette(routes=[Route("/v1/embeddings", answer, methods=["POST"])])
    async with serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_with_little_memory_survives_answers_of_any_size(kind: str) -> None:
    async with hostile(kind) as url, asyncio.timeout(PATIENCE_S * 4):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CLIENT.format(url=url, limit=LIMIT_MIB, timeout=PATIENCE_S),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

    assert process.returncode == 0, err.decode()[-2000:]
    lines = out.decode().splitlines()
    assert lines[:8] == [lines[0]] * 8
    assert "for which this process has no memory: lower embedding.batch_size" in lines[0]
    assert lines[0].startswith("True ")  # fewer texts may be answered
    assert lines[8] == "(128, 768)"
    assert lines[9] == str([(128, 768)] * 8)
