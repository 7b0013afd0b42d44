"""Lets Schemathesis send a gateway whatever its OpenAPI document makes it think of."""

import asyncio
import sys
from pathlib import Path

TOKEN = "a-token-for-fuzzing-only"  # noqa: S105
HOOKS = """\
import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
"""
REFUSED = '[400, 401, 403, 404, 406, 412, 413, 414, 415, 422, 431, "5xx"]'
"""What is wrong may also be too long (a body, an address, a field), or of another protocol."""
CONFIG = """\
hooks = "{hooks}"

[checks.positive_data_acceptance]
# That a position is too old, a model unknown, or a refit held is no matter of the schema.
expected-statuses = ["2xx", 404, 409, 410]

[checks.negative_data_rejection]
# A wrong query may also be a long one, which is refused before anybody reads it.
expected-statuses = [400, 401, 403, 404, 406, 414, 415, 422, 428, 431, "5xx"]

[[operations]]
include-path-regex = "^/(recompute-projection|rollback|forget|dead-letters/(replay|drop))$"
checks.positive_data_acceptance.expected-statuses = ["2xx", {rejected}404, 409]

[[operations]]
# What is in a file, and which folders may be read, is no matter of the schema.
include-path-regex = "^/api/(uploads/preview|collections|collections/.*/sources(/.*/preview)?)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 422]

[[operations]]
# What is in metadata, and how far an upload is, is no matter of the schema; another version of the
# protocol is refused as that says.
include-path-regex = "/uploads(/{{upload}})?$"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409, 413, 422, 423, 460]
checks.negative_data_rejection.expected-statuses = {refused}
checks.missing_required_header.expected-statuses = [400, 401, 403, 406, 412, 415, 422]

[[operations]]
# Too many sources are also too long a body, which is refused before anybody reads it.
include-path = "/api/jobs"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]
checks.negative_data_rejection.expected-statuses = {refused}

[[operations]]
# What a URL is, its pattern does not say; too many are also too long a body.
include-path = "/api/fetches"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 422]
checks.negative_data_rejection.expected-statuses = {refused}

[[operations]]
# What a URL is, its pattern does not say, nor the schema that something has to change, or that a
# list is either handed in or lies somewhere; a long one is also too long a body.
include-path-regex = "^/api/(schedules|manifests)"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 413, 422, 429]
checks.negative_data_rejection.expected-statuses = {refused}

[[operations]]
# That limits contradict each other, or two collections are the same, no schema says.
include-path-regex = "^/api/matches"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 413, 422]
checks.negative_data_rejection.expected-statuses = {refused}

[[operations]]
# The other names answer 400 where those pages expect it; what a URL is, and which columns there
# are, is no matter of the schema.
include-path-regex = "^/api/(admin|groups)/|^/api/collections/.*/preferences$"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409, 413, 422, 429]
checks.negative_data_rejection.expected-statuses = {refused}

[[operations]]
# A browser signs in, from a page of the gateway, and with a token that is known.
include-path = "/session"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403]

[[operations]]
# Whether there is such a command is known later, if it was accepted only.
include-path = "/operations/{{operation_id}}"
checks.use_after_free.enabled = false
"""


async def attack(
    url: str, folder: Path, *, examples: int, seed: int, has_rejections: bool
) -> tuple[int, str]:
    """Run every check.

    Args:
        url: Root of the gateway, which knows ``TOKEN`` as one that may operate.
        folder: For the configuration.
        examples: Requests per operation and phase.
        seed: Of what is sent.
        has_rejections: Whether a stage behind the gateway may refuse a valid command.

    Returns:
        The exit code and what was printed.
    """
    config = folder / "schemathesis.toml"
    hooks = folder / "hooks.py"
    hooks.write_text(HOOKS)
    rejected = "422, " if has_rejections else ""
    config.write_text(CONFIG.format(hooks=hooks, rejected=rejected, refused=REFUSED))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        f"--config-file={config}",
        "--no-color",
        "run",
        f"{url}/openapi.json",
        f"--header=Authorization: Bearer {TOKEN}",
        "--checks=all",
        "--mode=all",
        "--continue-on-failure",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--request-timeout=90",
        "--generation-database=none",
        "--suppress-health-check=all",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()
