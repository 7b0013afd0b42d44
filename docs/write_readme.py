"""Writes what is generated: pages of docs, docs/reference, users of the bus, the dashboard."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "deploy" / "monitoring"))

import write_configuration
import write_contracts
import write_dashboard
import write_metrics

from shared.bus.accounts import nats_accounts

ROOT = Path(__file__).parents[1]
USERS = ROOT / "deploy" / "nats" / "users.conf"
SERVER = ROOT / "nats.conf"
SERVER_FOR_KUBERNETES = ROOT / "deploy" / "kubernetes" / "base" / "nats.conf"
"""A copy, since kustomize reads no file above its folder."""


def main() -> None:
    """Write all of it."""
    USERS.write_text(nats_accounts(["default"]))
    SERVER_FOR_KUBERNETES.write_text(SERVER.read_text())
    write_configuration.main()
    write_contracts.main()
    write_dashboard.main()
    write_metrics.main()


if __name__ == "__main__":
    main()
