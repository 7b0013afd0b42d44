"""What the logs of the examples say of their records, read once more in the plainest way."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.e2e.local_run import EXAMPLES

NAMES = ("outcome", "final_answer", "usage", "cost")


def expected_attributes(folder: Path = EXAMPLES) -> dict[str, dict[str, Any]]:
    """Record id to what is said of it, of complete sources and others."""
    expected: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*.jsonl")):
        seen: dict[int, int] = {}
        for line in path.read_text().split("\n"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("type") != "iteration" or not (entry.get("response") or "").strip():
                continue
            number = entry["iteration"]
            idx = seen.get(number, 0)
            seen[number] = idx + 1
            name = f"{path.relative_to(folder).as_posix()}:{number}:{idx}"
            said = (entry.get("trace_metrics") or {}) | entry
            found = {one: said[one] for one in NAMES if said.get(one) is not None}
            if "final_answer" in found:
                assert isinstance(found["final_answer"], str)
                found["final_answer"] = found["final_answer"][:1000]
            expected[sha256(name.encode()).hexdigest()] = found
    return expected


def check_attributes(logs: pa.Table) -> None:
    """Compare a map of the examples with what their logs say, and its columns with both."""
    expected = expected_attributes()
    seen = 0
    for row in logs.to_pylist():
        said = expected[row["id"]]
        assert json.loads(row["attributes"] or "{}") == said, row["filename"]
        assert (row["outcome"], row["final_answer"], row["cost"]) == (
            said.get("outcome"), said.get("final_answer"), said.get("cost")
        )  # fmt: skip
        usage = said.get("usage", {})
        tokens = usage.get("input_tokens"), usage.get("output_tokens")
        assert (row["input_tokens"], row["output_tokens"]) == tokens
        seen += bool(said)
    assert seen >= len(set(logs["filename"].to_pylist())), "every complete run has an answer"
    assert logs["cost"].null_count < len(logs)
