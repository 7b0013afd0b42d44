BEGIN TRANSACTION;
CREATE TABLE batches (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, records INTEGER NOT NULL,
    is_counted INTEGER NOT NULL, retracted_at INTEGER, PRIMARY KEY (collection, batch_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "batches" VALUES('default','batch-0',3,1,NULL);
INSERT INTO "batches" VALUES('default','batch-1',3,1,NULL);
INSERT INTO "batches" VALUES('default','batch-3',3,1,NULL);
CREATE TABLE candidates (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, source_id TEXT NOT NULL,
    source_version INTEGER NOT NULL, records INTEGER NOT NULL, checksum TEXT NOT NULL,
    is_counted INTEGER NOT NULL, segment INTEGER NOT NULL, place INTEGER NOT NULL,
    dimension INTEGER NOT NULL, PRIMARY KEY (collection, batch_id, checksum)
) STRICT, WITHOUT ROWID;
INSERT INTO "candidates" VALUES('default','batch-1','source-0',1,3,'83e181462071233796e93d86e381daee',0,1,96,4);
INSERT INTO "candidates" VALUES('default','batch-1','source-0',1,3,'fe00944e67bafad50399f0f535da1631',1,1,48,4);
INSERT INTO "candidates" VALUES('default','batch-3','source-0',1,3,'9047a6de1a4d81341527bdea04bc2873',1,1,144,4);
CREATE TABLE doubts (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, source_id TEXT NOT NULL,
    source_version INTEGER NOT NULL, records INTEGER NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (collection, batch_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE floors (
    collection TEXT NOT NULL, source_id TEXT NOT NULL, version INTEGER NOT NULL,
    is_forgotten INTEGER NOT NULL, PRIMARY KEY (collection, source_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE identity (service TEXT NOT NULL) STRICT;
INSERT INTO "identity" VALUES('projection');
CREATE TABLE models (
    collection TEXT NOT NULL, version INTEGER NOT NULL, parent INTEGER, dimension INTEGER NOT NULL,
    mean BLOB NOT NULL, components BLOB NOT NULL, explained_variance_ratio TEXT NOT NULL,
    record_count INTEGER NOT NULL, reason TEXT NOT NULL, created_at TEXT NOT NULL,
    revision INTEGER NOT NULL, movement TEXT, decision TEXT, correlation_ids TEXT NOT NULL,
    is_announced INTEGER NOT NULL DEFAULT 0, explained_variance TEXT,
    PRIMARY KEY (collection, version)
) STRICT;
INSERT INTO "models" VALUES('default',1,NULL,4,X'6969153F7073163F34C5303FCD2A273F',X'F8671E3F4E59303FECFB943E5E6E763EFA364A3E57BD85BE40EAF3BEE5E3503F','[0.7285506405088366, 0.15729864957312034]',6,'first','2026-01-01T00:00:00+00:00',1,NULL,'{"trigger": "first", "records": 6, "records_at_last_fit": 0, "growth_threshold": 2.0, "mean_shift": 0.0, "mean_shift_threshold": 1000000000.0, "unexplained": 0.0, "unexplained_threshold": 1000000000.0, "movement_budget": 0.1}','[]',0,'[2.744477324276938, 0.5925498556851202]');
CREATE TABLE moments (
    collection TEXT PRIMARY KEY, dimension INTEGER NOT NULL, count INTEGER NOT NULL,
    mean BLOB NOT NULL, scatter BLOB NOT NULL, revision INTEGER NOT NULL,
    owes_refit INTEGER NOT NULL, forgotten_version INTEGER NOT NULL, held TEXT
) STRICT;
INSERT INTO "moments" VALUES('default',4,9,X'8EE338EECB82F73F1CC77168E93FF73FAAAAAA7A45EBF43F721CC75DADEAF43F',X'86693261072039405914B70BB188264063A9710C12702A409E1FBD9FC1BB27405914B70BB1882640796C58327DE1424013B72F74724A2A4061ED5D3B00E3284063A9710C12702A4013B72F74724A2A40F003CC9586692A40BD04A96E51841D409E1FBD9FC1BB274061ED5D3B00E32840BD04A96E51841D4037A93C49C7322640',2,0,0,NULL);
CREATE INDEX batches_by_retraction ON batches (retracted_at) WHERE retracted_at IS NOT NULL;
CREATE INDEX candidates_by_source ON candidates (collection, source_id, source_version);
CREATE INDEX candidates_by_segment ON candidates (segment);
COMMIT;
PRAGMA user_version = 4;
