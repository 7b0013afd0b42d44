"""The columns of a source that decide whether its version is shown, or held back."""

HOLDING = """
ALTER TABLE sources ADD COLUMN max_dead_share REAL;
ALTER TABLE sources ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;
"""
HELD_INDEX = """
CREATE INDEX IF NOT EXISTS sources_held ON sources (collection) WHERE is_held;
"""
REPLACES = "iif(completed_at IS NULL AND (replays = 0 OR is_held), max(mapped, replaces), mapped)"
"""How many records are on the map of what comes before the next version of a source."""
