"""Writes pairs of records as a file, row by row."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Literal

from services.gateway.domain.cells import cell

Form = Literal["csv", "jsonl"]
Row = dict[str, Any]
COLUMNS = (
    "id", "other_id", "score", "state", "decided_by", "decided_at", "texts", "filename",
    "other_filename", "text", "other_text",
)  # fmt: skip


def begin_file(form: Form) -> bytes:
    """Write what comes before the rows."""
    return _line(COLUMNS) if form == "csv" else b""


def write_row(row: Row, form: Form) -> bytes:
    """Write a pair."""
    decided = row["decided"]
    by, at = (decided.by, decided.at.isoformat()) if decided else (None, None)
    told = row | {"decided_by": by, "decided_at": at}
    if form == "csv":
        return _line([told[name] for name in COLUMNS])
    plain = {name: told[name] for name in COLUMNS}
    return json.dumps(plain, ensure_ascii=False).encode() + b"\n"


def _line(values: Sequence[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(
        [cell(one) if isinstance(one, str) else one for one in values]
    )
    return out.getvalue().encode()
