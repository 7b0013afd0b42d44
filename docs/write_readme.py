"""Writes what is generated: pages of docs, docs/reference, users of the bus, the dashboard."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "deploy" / "monitoring"))

import write_configuration
import write_contracts
import write_dashboard
import write_metrics

from shared.bus.permissions import nats_users

USERS = Path(__file__).parents[1] / "deploy" / "nats" / "users.conf"


def main() -> None:
    """Write all of it."""
    USERS.write_text(nats_users(["default"]))
    write_configuration.main()
    write_contracts.main()
    write_dashboard.main()
    write_metrics.main()


if __name__ == "__main__":
    main()
