"""Follows, beside the ledger, in which order unfinished sources move.

The table belongs to the connection, as the sums do: how long something has stood still is measured
by a process from its start on. Triggers keep it, so a look asks for its head and nothing else.
"""

MOVEMENT = """
CREATE TEMP TABLE looks (number INTEGER NOT NULL);
INSERT INTO looks VALUES (0);
CREATE TEMP TABLE movement (
    place INTEGER PRIMARY KEY, source_id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    moved_in INTEGER NOT NULL, is_open INTEGER NOT NULL, is_noted INTEGER NOT NULL
);
CREATE INDEX temp.movement_queue ON movement (collection, place) WHERE NOT is_noted;
CREATE INDEX temp.movement_ended ON movement (collection) WHERE NOT is_open;
DELETE FROM stalls WHERE NOT EXISTS (SELECT 1 FROM sources
    WHERE sources.source_id = stalls.source_id AND status IN ('reading', 'dispatched')
    AND json_array(source_version, seen, mapped, dead, status) = json(numbers));
INSERT INTO movement (source_id, collection, moved_in, is_open, is_noted)
    SELECT source_id, collection, 0, 1, source_id IN (SELECT source_id FROM stalls)
    FROM sources WHERE status IN ('reading', 'dispatched') ORDER BY collection, filename;
"""
"""What was noted by a ledger without the triggers may have moved since."""
_BEGIN = """
INSERT INTO movement (source_id, collection, moved_in, is_open, is_noted)
    SELECT NEW.source_id, NEW.collection, number, 1, 0 FROM looks
    WHERE NEW.status IN ('reading', 'dispatched')
    AND NOT EXISTS (SELECT 1 FROM movement WHERE source_id = NEW.source_id);
"""
_MOVE = """
DELETE FROM stalls WHERE source_id = NEW.source_id;
UPDATE movement SET moved_in = (SELECT number FROM looks), is_noted = 0,
    is_open = NEW.status IN ('reading', 'dispatched') WHERE source_id = NEW.source_id;
"""
_END = """
DELETE FROM stalls WHERE source_id = OLD.source_id;
UPDATE movement SET moved_in = (SELECT number FROM looks), is_noted = 0, is_open = 0
    WHERE source_id = OLD.source_id;
"""
MOVEMENT_TRIGGERS = f"""
CREATE TEMP TRIGGER movement_began AFTER INSERT ON sources BEGIN {_BEGIN} END;
CREATE TEMP TRIGGER movement_went_on
    AFTER UPDATE OF source_version, seen, mapped, dead, staged, status ON sources
    WHEN (OLD.source_version, OLD.seen, OLD.mapped, OLD.dead, OLD.staged, OLD.status)
        IS NOT (NEW.source_version, NEW.seen, NEW.mapped, NEW.dead, NEW.staged, NEW.status)
    BEGIN {_MOVE} {_BEGIN} END;
CREATE TEMP TRIGGER movement_ended AFTER DELETE ON sources BEGIN {_END} END;
"""
