"""Writes what is generated: pages of docs, docs/reference, users of the bus, dashboard, types."""

from pathlib import Path

from docs.generators import (
    configuration,
    dashboard,
    metrics_table,
    page_types,
    reference,
    sections,
)
from shared.bus.accounts import nats_accounts

ROOT = Path(__file__).parents[2]
USERS = ROOT / "deploy" / "nats" / "users.conf"
SERVER = ROOT / "nats.conf"
SERVER_FOR_KUBERNETES = ROOT / "deploy" / "kubernetes" / "base" / "nats.conf"
"""A copy, since kustomize reads no file above its folder."""


def main() -> None:
    """Write all of it."""
    USERS.write_text(nats_accounts())
    SERVER_FOR_KUBERNETES.write_text(SERVER.read_text())
    sections.main()
    configuration.main()
    reference.main()
    dashboard.main()
    metrics_table.main()
    page_types.main()


if __name__ == "__main__":
    main()
