"""Looks for passwords, keys and tokens in the files of the repository (part of make check)."""

import subprocess
import sys
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import transient_settings

# Data of others, hashes of packages, weights: full of what looks random.
SKIPPED = (
    "examples/runs/",
    "tests/data/",
    "requirements/",
    "tests/node/package-lock.json",
    "services/gateway/page/package-lock.json",
)
# Hexadecimal hashes stand in too many places here to tell a secret among them.
WITHOUT = {"HexHighEntropyString"}
REMEDY = """
If it is a secret: take it out, and make it void wherever it is valid. If it is a test's own value,
end the line with "# pragma: allowlist secret", or write "# pragma: allowlist nextline secret"
above it.
"""


def main() -> int:
    """Return 1 if anything looks like a secret."""
    names = files()
    found = SecretsCollection()
    with transient_settings({"plugins_used": plugins()}):
        for name in names:
            found.scan_file(name)
    for name, secret in found:
        sys.stderr.write(f"{name}:{secret.line_number}: {secret.type}\n")
    if found:
        sys.stderr.write(REMEDY)
        return 1
    sys.stdout.write(f"No secrets in {len(names)} files\n")
    return 0


def files() -> list[str]:
    """List the files that are or will be tracked; without git, there is nothing to publish."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        check=True,
        capture_output=True,
        text=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and Path(name).is_file()]
    return [name for name in names if not name.startswith(SKIPPED) and not name.endswith(".npy")]


def plugins() -> list[dict[str, object]]:
    """Name the detectors to use."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes = get_mapping_from_secret_type_to_class().values()
    limits = {
        "Base64HighEntropyString": {"limit": 4.5},
        "KeywordDetector": {
            "keyword_exclude": "secret:|secretName"
        },  # names a secret of Kubernetes
    }
    return [
        {"name": one.__name__, **limits.get(one.__name__, {})}
        for one in classes
        if one.__name__ not in WITHOUT
    ]


if __name__ == "__main__":
    sys.exit(main())
