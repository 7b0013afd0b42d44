"""Writes shared/sections.py: the sections that the services' settings have.

Every process looks at the names of all sections, so that a misspelt one is a mistake and not
nothing; but it has no other service's code.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from shared.services import ALL

ROOT = Path(__file__).parents[2]
FILE = ROOT / "shared" / "sections.py"
TEXT = '''\
"""The sections of the configuration; written by `make readme` from the services' settings."""

SECTIONS = frozenset(
    {{
{names}
    }}
)
"""With the fields that stand alone."""
'''


def main() -> None:
    """Write the file."""
    FILE.write_text(render())


def render() -> str:
    """Return the module."""
    names = sorted({name for _, name, _ in settings_fields()})
    return TEXT.format(names="\n".join(f'        "{name}",' for name in names))


def services() -> list[str]:
    """List the services, in the order of the pipeline."""
    return list(ALL)


def settings_fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Give service, name and field of all that the services read at the top of the file."""
    for service in services():
        settings = importlib.import_module(f"services.{service}.settings")
        for name, field in settings.Settings.model_fields.items():
            yield service, name, field
