"""The bus over TLS, with an authority made here."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from shared.bus.broker import build_bus
from shared.bus.connection import client_options
from shared.errors import ConfigurationError
from shared.settings import NatsSection
from tests.nats_server import ROOT, SecuredNatsServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration


@dataclass
class World:
    server: SecuredNatsServer
    ca: Path
    other_ca: Path
    certificate: Path
    """Of a client, with its key in the same file."""

    def section(self, **fields: object) -> NatsSection:
        section = self.server.section("streams")
        return section.model_copy(update={"tls_ca": self.ca} | fields)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    authority = trustme.CA()
    of_server = authority.issue_cert("127.0.0.1")
    names = {name: tmp_path / name for name in ("ca", "other", "client", "server.crt")}
    authority.cert_pem.write_to_path(names["ca"])
    trustme.CA().cert_pem.write_to_path(names["other"])
    authority.issue_cert("client@mapstream").private_key_and_cert_chain_pem.write_to_path(
        names["client"]
    )
    of_server.private_key_and_cert_chain_pem.write_to_path(names["server.crt"])
    tls = (ROOT / "deploy/nats/tls-on.conf").read_text()
    for name in ("server.crt", "server.key"):
        tls = tls.replace(f"/certificates/{name}", str(names["server.crt"]))
    server = SecuredNatsServer(tmp_path / "nats", tls=tls)
    await server.start()
    yield World(server, names["ca"], names["other"], names["client"])
    await server.stop()


async def connects(section: NatsSection) -> bool:
    """Declare the streams with a process of its own: nats-py leaves failed connections open."""
    password = section.password.get_secret_value() if section.password else ""
    fields = section.model_dump(exclude_none=True) | {"password": password}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "streams", "apply",
        env=dict(os.environ) | {f"MAPSTREAM_NATS__{k.upper()}": str(v) for k, v in fields.items()},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said = (await process.communicate())[1].decode()
    assert password not in said
    is_refused = process.returncode == 2 and "; needed: " in said
    is_silent = process.returncode == 1 and "no NATS server answers" in said
    assert process.returncode == 0 or is_refused or is_silent, said
    return process.returncode == 0


async def test_a_client_that_knows_the_authority_speaks_tls(world: World) -> None:
    assert await connects(world.section())


async def test_a_server_of_an_unknown_authority_is_refused(world: World) -> None:
    assert not await connects(world.section(tls_ca=world.other_ca))
    assert not await connects(world.section(tls_ca=None))


async def test_a_server_of_another_name_is_refused(world: World) -> None:
    elsewhere = world.server.url.replace("127.0.0.1", "localhost")

    assert not await connects(world.section(url=elsewhere))


async def test_a_service_speaks_tls(world: World) -> None:
    bus = build_bus(world.section(), "discovery")

    async with asyncio.timeout(PATIENCE_S):
        client = await bus.connect()

    assert (await client.jetstream().account_info()).streams == 0
    await bus.close()


async def test_a_server_without_tls_is_not_told_the_password(world: World) -> None:
    """nats-py by itself asks the server whether it wants TLS, and believes the answer."""
    heard = bytearray()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":1048576,"auth_required":true}\r\n')
        while piece := await reader.read(4096):
            heard.extend(piece)
        writer.close()

    server = await asyncio.start_server(impostor, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert not await connects(world.section(url=f"nats://127.0.0.1:{port}"))

    assert heard
    assert b"secret-of-streams" not in heard
    assert b"CONNECT" not in heard


async def test_a_client_certificate_is_shown_where_it_is_asked_for(
    world: World, tmp_path: Path
) -> None:
    tls = (world.server._tls or "").replace(
        "tls {", f'tls {{\n  ca_file: "{world.ca}"\n  verify: true'
    )
    strict = SecuredNatsServer(tmp_path / "strict", tls=tls)
    await strict.start()

    assert not await connects(world.section(url=strict.url))
    assert await connects(
        world.section(url=strict.url, tls_cert=world.certificate, tls_key=world.certificate)
    )

    await strict.stop()


@pytest.mark.parametrize("field", ["tls_ca", "tls_cert"])
def test_files_that_cannot_be_used_are_named(field: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca)
    bad = tmp_path / "missing.pem"
    section = NatsSection.model_validate({"tls_ca": ca} | {field: bad})

    with pytest.raises(ConfigurationError, match=rf"nats\.{field}.*missing\.pem"):
        client_options(section)
