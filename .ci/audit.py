"""Asks PyPI for known vulnerabilities of every pinned package (make audit; needs the network)."""

import json
import subprocess
import sys

NOT_REACHED = 3
COMMAND = (
    sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--no-deps",
    "--format=json", "--progress-spinner=off",
)  # fmt: skip


def main(files: list[str]) -> int:
    """Return 0 if nothing is known, 1 if something is, 3 if that could not be found out."""
    worst = 0
    for file in files:
        done = subprocess.run([*COMMAND, f"--requirement={file}"], capture_output=True, text=True)
        try:
            packages = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            sys.stderr.write(f"{file}: not audited: {done.stderr.strip()[-1000:]}\n")
            return NOT_REACHED
        worst = max(worst, tell(file, packages))
    return worst


def tell(file: str, packages: list[dict]) -> int:
    """Print what is known of the packages of a file; returns the exit code."""
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    hit = [one for one in packages if one.get("vulns")]
    for one in hit:
        for known in one["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "none yet"
            sys.stderr.write(
                f"{file}: {one['name']} {one['version']}: {known['id']}; fixed in: {fixed}\n"
            )
    if unknown:
        sys.stderr.write(
            f"{file}: PyPI told nothing of {len(unknown)} of {len(packages)} packages, such as "
            f"{unknown[0]}: is https://pypi.org reachable? Nothing is known of those.\n"
        )
    if not hit and not unknown:
        sys.stdout.write(f"{file}: nothing is known against {len(packages)} packages\n")
    return 1 if hit else NOT_REACHED if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
