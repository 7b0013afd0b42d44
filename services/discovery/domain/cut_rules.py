"""What decides where the records and batches of a source begin and end."""

import json
from dataclasses import dataclass
from functools import lru_cache

from services.discovery.domain.batching import Limits


@dataclass(frozen=True, slots=True)
class CutRules:
    """How one version of a source is cut; all of it by the same, however long that takes."""

    reader: str
    """Name and version of what reads the format."""
    max_line_bytes: int
    limits: Limits
    """Of a batch."""

    def spell(self) -> str:
        """Write them down; equal ones always alike."""
        return json.dumps(
            [self.reader, self.max_line_bytes, self.limits.max_records, self.limits.max_text_bytes]
        )


@lru_cache
def parse_rules(text: str) -> CutRules:
    """Read what ``spell`` has written; a ledger of a million sources holds few different ones."""
    reader, max_line_bytes, *limits = json.loads(text)
    return CutRules(reader, max_line_bytes, Limits(*limits))
