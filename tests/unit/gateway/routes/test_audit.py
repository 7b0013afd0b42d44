"""Over HTTP: whose token a command came with, and what is told of commands."""

import httpx

from services.gateway.handlers.audit import Audit
from services.gateway.handlers.commands import Commands
from services.gateway.routes.api import build_api
from services.gateway.routes.audit import build_audit_router
from services.gateway.routes.commands import build_command_router
from services.gateway.routes.parameters import Served
from shared.contracts.audit import CommandAudited
from shared.http.guard import Guard, GuardRules, allowed_hosts
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.rates import Rates
from tests.builders import NOW
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.collection_book import FakeCollectionBook
from tests.unit.gateway.builders import FakeCommandBus, FakeEventLog, FakeMapReader

NAME = "anna"
BEARER = f"the-token-of-{NAME}-{NAME}"
KEYRING = Keyring([Credential(Caller(NAME, Role.OPERATE), digest_of(BEARER))])


def told(number: int, collection: str = "default") -> CommandAudited:
    return CommandAudited(
        id=f"audit.command:{number}", collection=collection, occurred_at=NOW,
        command="command.forget", who="operator", wish="{}", outcome="rejected", reason="why",
    )  # fmt: skip


class World:
    def __init__(self, *events: CommandAudited, keyring: Keyring = KEYRING) -> None:
        served, log = Served(["default", "second"]), FakeEventLog()
        self.bus = FakeCommandBus(log)
        commands = Commands(
            served.names, bus=self.bus, events=log, maps=FakeMapReader(None, []), patience_s=0
        )
        api = build_api(
            (
                build_command_router(served, commands, FakeCollectionBook()),
                build_audit_router(served, Audit(FakeAuditLog(*events))),
            ),
            version="1",
        )
        rules = GuardRules(
            section="gateway", hosts=allowed_hosts("127.0.0.1", (), is_reachable=False),
            keyring=keyring,
            rates=Rates(1000, 1000), max_body_bytes=1 << 16, receive_timeout_s=60,
        )  # fmt: skip
        transport = httpx.ASGITransport(Guard(api, rules))
        bearer = {"authorization": f"Bearer {BEARER}"}
        self.http = httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=bearer
        )


async def test_a_command_is_sent_with_the_name_of_its_token() -> None:
    world = World()

    for path, body in (("/rollback", {}), ("/forget", {"source": "a"})):
        assert (await world.http.post(path, json=body)).status_code == 202

    assert world.bus.callers == ["anna", "anna"]


async def test_commands_are_told_by_pages_of_one_collection() -> None:
    world = World(told(1), told(2, "second"), told(3), told(4))

    first = (await world.http.get("/audit?collection=default&limit=2")).json()
    rest = (await world.http.get(f"/audit?collection=default&after={first['next_after']}")).json()

    assert [one["event"]["id"][-1] for one in (*first["items"], *rest["items"])] == list("134")
    assert rest["next_after"] is None
    assert first["items"][0]["event"]["reason"] == "why"
