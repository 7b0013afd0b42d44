"""Writes what is generated: subjects in README.md, pages of docs/, bus users, the dashboard."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "deploy" / "monitoring"))

import write_configuration
import write_dashboard
import write_metrics

from services.cli.commands.streams import table
from shared.bus.permissions import nats_users
from shared.bus.streams import STREAMS

README = Path(__file__).parents[1] / "README.md"
USERS = README.parent / "deploy" / "nats" / "users.conf"
BEGIN = "<!-- Written by make readme from shared/bus; change the tables there. -->"
END = "<!-- The end of what is written by make readme. -->"
MIB = 1 << 20
DAY_S = 86_400


def main() -> None:
    """Write all of it."""
    README.write_text(render(README.read_text()))
    USERS.write_text(nats_users(["default"]))
    write_configuration.main()
    write_dashboard.main()
    write_metrics.main()


def render(readme: str) -> str:
    """Return the README with the generated part renewed."""
    before, rest = readme.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{table()}\n\n{streams()}\n\n{END}{after}"


def streams() -> str:
    """Return what each stream keeps, as a Markdown table."""
    lines = ["| stream | holds | keeps a message | limit | when full |", "|---|---|---|---|---|"]
    until = {
        "workqueue": "until it is handled",
        "interest": "until every reader has handled it",
        "limits": "{days:.0f} days",
    }
    for one in STREAMS:
        keeps = until[one.retention.value].format(days=one.max_age_s / DAY_S)
        full = "refuses new ones" if one.discard.value == "new" else "drops the oldest"
        limit = f"{one.max_bytes // MIB:,} MiB"
        lines.append(f"| {one.name} | {one.about} | {keeps} | {limit} | {full} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
