-- Events that archives keep, under the archive's own id: one that is made anew under an old name has another.

CREATE TABLE archived_event (
    id      INTEGER PRIMARY KEY,
    archive BLOB NOT NULL,
    at      INTEGER NOT NULL,         -- the event's own time
    event   BLOB NOT NULL,
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    size    INTEGER NOT NULL,         -- bytes of the event's text
    format  INTEGER NOT NULL,
    body    TEXT,
    payload INTEGER,
    UNIQUE (archive, at, event)
) STRICT;
CREATE INDEX archived_event_payload ON archived_event (payload) WHERE payload IS NOT NULL;

-- What an archive holds, kept with its events: counting millions of them would take long.
CREATE TABLE archive_total (
    archive BLOB PRIMARY KEY,
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    events  INTEGER NOT NULL,
    bytes   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER archived_event_payload_deleted AFTER DELETE ON archived_event WHEN OLD.payload IS NOT NULL
BEGIN INSERT INTO payload_freed VALUES (OLD.payload) ON CONFLICT DO NOTHING; END;
