-- Instants are microseconds since 1970 UTC. Bodies are versioned: `format` says how `body` is coded (1 = JSON text);
-- a body over 32 KiB stands in `payload`, once per owner, and the row's `payload` refers to it.
-- Every row names its owner (tenant, account, region); live rows also their shard.

CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    name    TEXT NOT NULL
) STRICT;

-- Sequence numbers given so far, kept when the newest rows are pruned: a number is never given twice.
CREATE TABLE sequence (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payload (
    id      INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    hash    BLOB NOT NULL,            -- SHA-256 of the JSON text
    format  INTEGER NOT NULL,         -- 1 = JSON text, 2 = zstd of JSON text
    body    BLOB NOT NULL,
    UNIQUE (tenant, account, region, hash)
) STRICT;

-- Payloads that lost a reference: pruning looks only at these.
CREATE TABLE payload_freed (
    payload INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE resource (
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    name     TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    format   INTEGER NOT NULL,
    body     TEXT,
    payload  INTEGER,
    UNIQUE (kind, tenant, account, region, name)
) STRICT;

-- An aggregate with its root frame, which almost every turn writes together with the revision.
CREATE TABLE aggregate (
    id       INTEGER PRIMARY KEY,     -- never given twice: the journal outlives the aggregate
    tenant   TEXT NOT NULL,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    shard    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    uuid     BLOB NOT NULL,
    revision INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    format   INTEGER,                 -- NULL: there is no root frame
    body     TEXT,
    payload  INTEGER,
    UNIQUE (uuid, kind)
) STRICT;
CREATE INDEX aggregate_newest ON aggregate (tenant, account, kind, created, uuid, region);

-- Deleted aggregates whose journal is still kept: the number under which it stands.
CREATE TABLE aggregate_past (
    aggregate INTEGER PRIMARY KEY,
    tenant    TEXT NOT NULL,
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    shard     INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    uuid      BLOB NOT NULL
) STRICT;
CREATE INDEX aggregate_past_uuid ON aggregate_past (uuid, kind);

CREATE TABLE frame (
    id        INTEGER PRIMARY KEY,
    aggregate INTEGER NOT NULL REFERENCES aggregate (id) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    tenant    TEXT NOT NULL,
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    shard     INTEGER NOT NULL,
    format    INTEGER NOT NULL,
    body      TEXT,
    payload   INTEGER,
    UNIQUE (aggregate, key)
) STRICT;

CREATE TABLE aggregate_index (
    tenant    TEXT NOT NULL,
    account   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    value     TEXT NOT NULL,
    created   INTEGER NOT NULL,
    uuid      BLOB NOT NULL,
    region    TEXT NOT NULL,
    shard     INTEGER NOT NULL,
    aggregate INTEGER NOT NULL REFERENCES aggregate (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, account, kind, name, value, created, uuid)
) STRICT, WITHOUT ROWID;
CREATE INDEX aggregate_index_owner ON aggregate_index (aggregate);

CREATE TABLE timer (
    aggregate INTEGER NOT NULL REFERENCES aggregate (id) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    due       INTEGER NOT NULL,
    tenant    TEXT NOT NULL,
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    shard     INTEGER NOT NULL,
    PRIMARY KEY (aggregate, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due);

-- Inbox, effect and journal name their aggregate by kind and UUID: they come before it and stay behind it.
CREATE TABLE inbox (
    seq     INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    shard   INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    uuid    BLOB NOT NULL,
    at      INTEGER NOT NULL,
    done    INTEGER NOT NULL DEFAULT 0,
    format  INTEGER NOT NULL,
    body    TEXT,
    payload INTEGER
) STRICT;
CREATE INDEX inbox_pending ON inbox (seq) WHERE done = 0;
CREATE INDEX inbox_done ON inbox (at) WHERE done = 1;

CREATE TABLE effect (
    seq             INTEGER PRIMARY KEY,
    tenant          TEXT NOT NULL,
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    shard           INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    uuid            BLOB NOT NULL,    -- who waits for the outcome
    id              BLOB NOT NULL,
    at              INTEGER NOT NULL,
    status          INTEGER NOT NULL DEFAULT 0, -- 0 intent, 1 done, 2 failed, 3 outcome unknown
    recovery        TEXT NOT NULL,
    format          INTEGER NOT NULL,
    body            TEXT,
    payload         INTEGER,
    settled         INTEGER,
    outcome_format  INTEGER,
    outcome         TEXT,
    outcome_payload INTEGER
) STRICT;
CREATE INDEX effect_pending ON effect (seq) WHERE status = 0;
-- Small, and so cheap to keep: unique only while the outcome is open.
CREATE UNIQUE INDEX effect_pending_id ON effect (id) WHERE status = 0;
CREATE INDEX effect_settled ON effect (at) WHERE status > 0;

CREATE TABLE journal (
    seq       INTEGER PRIMARY KEY,
    aggregate INTEGER NOT NULL,
    tenant    TEXT NOT NULL,
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    shard     INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    uuid      BLOB NOT NULL,
    revision  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    entropy   BLOB NOT NULL,
    format    INTEGER NOT NULL,
    body      TEXT,
    payload   INTEGER
) STRICT;
-- By the aggregate's number, not by its UUID: what is alive together stands together, and a group of turns touches few pages.
CREATE INDEX journal_aggregate ON journal (aggregate);
CREATE INDEX journal_at ON journal (at);

-- Unique per tenant and account; the region and the shard are the holder's.
CREATE TABLE claim (
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    family  TEXT NOT NULL,
    key     TEXT NOT NULL,
    region  TEXT NOT NULL,
    shard   INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    uuid    BLOB NOT NULL,
    expires INTEGER,
    PRIMARY KEY (tenant, account, family, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_expires ON claim (expires) WHERE expires IS NOT NULL;

CREATE INDEX resource_payload ON resource (payload) WHERE payload IS NOT NULL;
CREATE INDEX aggregate_payload ON aggregate (payload) WHERE payload IS NOT NULL;
CREATE INDEX frame_payload ON frame (payload) WHERE payload IS NOT NULL;
CREATE INDEX inbox_payload ON inbox (payload) WHERE payload IS NOT NULL;
CREATE INDEX effect_payload ON effect (payload) WHERE payload IS NOT NULL;
CREATE INDEX effect_outcome_payload ON effect (outcome_payload) WHERE outcome_payload IS NOT NULL;
CREATE INDEX journal_payload ON journal (payload) WHERE payload IS NOT NULL;

CREATE TRIGGER resource_payload_replaced AFTER UPDATE OF payload ON resource
WHEN OLD.payload IS NOT NULL AND OLD.payload IS NOT NEW.payload
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER resource_payload_deleted AFTER DELETE ON resource WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER aggregate_payload_replaced AFTER UPDATE OF payload ON aggregate
WHEN OLD.payload IS NOT NULL AND OLD.payload IS NOT NEW.payload
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER aggregate_payload_deleted AFTER DELETE ON aggregate WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER frame_payload_replaced AFTER UPDATE OF payload ON frame
WHEN OLD.payload IS NOT NULL AND OLD.payload IS NOT NEW.payload
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER frame_payload_deleted AFTER DELETE ON frame WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER inbox_payload_deleted AFTER DELETE ON inbox WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER effect_payload_deleted AFTER DELETE ON effect WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER effect_outcome_payload_deleted AFTER DELETE ON effect WHEN OLD.outcome_payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.outcome_payload) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER journal_payload_deleted AFTER DELETE ON journal WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
