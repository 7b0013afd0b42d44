"""Puts the web page into wheels and source archives: builds it first, if that is possible here.

Wheels hold the example logs, too: the page offers them where there is no map yet.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("services/gateway/page")
EXAMPLES = {"examples/runs": "services/gateway/examples"}


class PageHook(BuildHookInterface):
    """Runs before a build; a checkout that is used where it stands builds its page with make."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless it is there; without it everything else works."""
        if version != "editable" and self.target_name == "wheel":
            build_data["force_include"] |= EXAMPLES
        folder = Path(self.root) / PAGE
        if version == "editable" or (folder / "dist" / "index.html").exists():
            return
        try:
            for words in (["ci", "--silent"], ["run", "--silent", "build"]):
                subprocess.run([str(folder / "npm.sh"), *words], check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            sys.stderr.write(f"The web page is left out, since it could not be built: {error}\n")
