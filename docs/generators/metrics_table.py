"""Writes the table of metrics into docs/observability.md."""

from pathlib import Path

from shared.observability import embedder_metrics, metrics, place_metrics  # noqa: F401  declare them
from shared.observability.instruments import DECLARED

FILE = Path(__file__).parents[2] / "docs" / "observability.md"
BEGIN = "<!-- metrics: written by make readme -->"
END = "<!-- end of metrics -->"


def main() -> None:
    """Write the file."""
    FILE.write_text(render(FILE.read_text()))


def render(page: str) -> str:
    """Return the page with the generated part renewed."""
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def table() -> str:
    """Return every metric as a Markdown table."""
    lines = ["| metric | kind | labels | told by | meaning |", "|---|---|---|---|---|"]
    for one in sorted(DECLARED, key=lambda one: one.name):  # not by what was imported first
        labels = ", ".join(one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.teller} | {one.about} |")
    return "\n".join(lines)
