"""Secrets are planted in every setting, and the server throws them back: nothing may tell them."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import nats
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.cli.adapters.ports import kept_port
from shared.bus.status import collect
from shared.observability.health import serving
from shared.redaction import HIDDEN
from tests.e2e.local_run import PATIENCE_S, LiveRun, command, end, wait_for_rows, write_source
from tests.fakes.embedder import FakeEmbedder
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

KEY = "planted/Key+of=the~server"
QUERY = "planted&query-of the url"
TOKEN = "planted-token-of-the-gateway"  # noqa: S105
PROXY = "planted%2Fproxy"
TRACES = "planted-collector"
POISON = "a text that the server refuses"
FORMS: list[Callable[[str], str]] = [
    str,
    repr,
    json.dumps,
    lambda text: quote(text, safe=""),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
]


class Echo:
    """An embedding server that answers with what nobody should tell."""

    def __init__(self) -> None:
        self.mind = FakeEmbedder()
        self.is_sick = True
        self.echoes = 0
        self._forms = cycle(FORMS)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = Starlette(routes=[Route("/v1/embeddings", self._answer, methods=["POST"])])
        async with serving(app, "127.0.0.1", 0) as port:
            yield f"http://127.0.0.1:{port}/?key={quote(QUERY)}"

    async def _answer(self, request: Request) -> JSONResponse:
        texts = (await request.json())["input"]
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.query_params["key"] == QUERY
        if self.is_sick or POISON in texts:
            self.echoes += 1
            form = next(self._forms)
            words = f"wrong: {form(request.headers['authorization'])} {form(KEY)} {form(QUERY)}"
            return JSONResponse({"error": {"message": words}}, 401 if self.is_sick else 400)
        vectors = await self.mind.embed(texts)
        data = [{"index": i, "embedding": row.tolist()} for i, row in enumerate(vectors)]
        return JSONResponse({"data": data})


def planted(url: str, port: int) -> dict[str, str]:
    tokens = [{"name": "test", "role": "operate", "token": TOKEN}]
    return os.environ | {
        "MAPSTREAM_EMBEDDING__URL": url,
        "MAPSTREAM_EMBEDDING__API_KEY": KEY,
        "MAPSTREAM_EMBEDDING__LONGEST_PAUSE_S": "1",
        "MAPSTREAM_GATEWAY__TOKENS": json.dumps(tokens),
        "MAPSTREAM_GATEWAY__PORT": str(port),
        "MAPSTREAM_TRACING__ENDPOINT": f"http://me:{TRACES}@127.0.0.1:9",
        "HTTPS_PROXY": f"http://me:{PROXY}@127.0.0.1:9",
    }


@asynccontextmanager
async def run(sources: Path, output: Path, url: str, said: Path) -> AsyncIterator[LiveRun]:
    with kept_port() as port, said.open("wb") as terminal:
        process = await asyncio.create_subprocess_exec(
            *command(sources, output), env=planted(url, port), stdout=terminal, stderr=terminal
        )
        try:
            yield LiveRun(process, output, f"http://127.0.0.1:{port}")
        finally:
            await end(process)


async def mapstream(*words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


async def over_http(run: LiveRun) -> AsyncIterator[tuple[str, str]]:
    """Ask the gateway for everything that ends, and every service for how it is."""
    targets = json.loads((run.output / "state" / "prometheus-targets.json").read_text())
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        head = {"authorization": f"Bearer {TOKEN}"}
        document = (await http.get(f"{run.gateway}/openapi.json")).json()
        for path, methods in document["paths"].items():
            if "get" in methods and "{" not in path and path not in {"/events", "/map"}:
                answer = await http.get(run.gateway + path, headers=head)
                yield f"gateway {path}", answer.text
        refused = await http.get(f"{run.gateway}/sources", headers={"authorization": "Bearer no"})
        yield "gateway, refused", refused.text
        for target in (one for group in targets for one in group["targets"]):
            for path in ("health", "ready", "metrics"):
                yield f"{target} {path}", (await http.get(f"http://{target}/{path}")).text


async def everything_told(run: LiveRun) -> dict[str, str]:
    """Gather what a run tells, wherever it tells something."""
    where = ("--output", str(run.output))
    commands: list[list[str]] = [
        ["status"], ["status", "--json"], ["top", "--once"], ["dead", "list"],
        ["dead", "list", "--json"], ["streams", "show"],
    ]  # fmt: skip
    told = {" ".join(words): await mapstream(*words, *where) for words in commands}
    told |= {name: text async for name, text in over_http(run)}
    client = await nats.connect(run.url)
    try:
        statuses = [one for many in (await collect(client)).values() for one in many]
        told["statuses on the bus"] = "\n".join(one.model_dump_json() for one in statuses)
        for stream in ("DEAD_LETTERS", "EVENTS"):
            told[stream] = await _stored(client, stream)
    finally:
        await client.close()
    return told


async def _stored(client: Any, stream: str) -> str:
    js = client.jetstream()
    state = (await js.stream_info(stream)).state
    found = []
    for place in range(max(1, state.first_seq), state.last_seq + 1):
        message = await js.get_msg(stream, place)
        found.append(f"{message.subject} {message.headers} {(message.data or b'')!r}")
    return "\n".join(found)


def leaks(told: dict[str, str], secrets: dict[str, str]) -> list[str]:
    """List where a secret, most of one, or one in another form is told."""
    return [
        f"{name} in {place}: ...{text[max(0, text.index(form) - 80) :][:160]}..."
        for place, text in told.items()
        for name, secret in secrets.items()
        for form in {written(secret).strip("\"'=")[2:-2] for written in FORMS}
        if form in text
    ]


async def test_no_planted_secret_is_told_anywhere(tmp_path: Path) -> None:
    sources, output, said = tmp_path / "runs", tmp_path / "out", tmp_path / "terminal"
    write_source(sources / "good.jsonl", 3, "somebody")
    (sources / "bad.jsonl").write_text(
        json.dumps({"type": "iteration", "iteration": 1, "response": POISON, "final_answer": "x"})
        + "\n"
    )
    server = Echo()
    async with server.running() as url, run(sources, output, url, said) as live:
        await live.http()
        await until(lambda: server.echoes >= 2 * len(FORMS))
        while_sick = await everything_told(live)
        server.is_sick = False
        await wait_for_rows(output, lambda found: len(found) == 3)
        await until(lambda: "1 dead" in said.read_text(errors="replace"))
        afterwards = await everything_told(live)
        password = urlsplit(live.url).password
        await live.stop()
    logs = {str(file): file.read_text() for file in (output / "state" / "logs").iterdir()}
    told = {f"sick: {name}": text for name, text in while_sick.items()}
    told |= afterwards | logs | {"terminal": said.read_text()}
    secrets = {"key": KEY, "query": QUERY, "token": TOKEN, "proxy": PROXY, "traces": TRACES}
    secrets |= {"bus": password} if password else {}

    assert leaks(told, secrets) == []
    assert HIDDEN in while_sick["status"]
    assert HIDDEN in while_sick["statuses on the bus"]
    assert HIDDEN in while_sick["gateway /health"]
    assert HIDDEN in logs[str(output / "state" / "logs" / "embedding.log")]
    assert HIDDEN in afterwards["dead list --json"]
    assert HIDDEN in afterwards["DEAD_LETTERS"]
    assert HIDDEN in told["terminal"]
