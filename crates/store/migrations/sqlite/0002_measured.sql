-- What was counted of event buses, rules and targets, by minute. Owner and names stand once, in the series: a busy
-- server writes many minutes.

-- Of everything (bus empty), a bus (rule empty), a rule (target empty) or a target.
CREATE TABLE measured_series (
    id      INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    bus     TEXT NOT NULL,
    rule    TEXT NOT NULL,
    target  TEXT NOT NULL,
    UNIQUE (tenant, account, region, bus, rule, target)
) STRICT;

CREATE TABLE measured_minute (
    series INTEGER NOT NULL REFERENCES measured_series (id),
    minute INTEGER NOT NULL,          -- since 1970 UTC
    part   INTEGER NOT NULL,          -- parts of a minute add up: one for each process that counted in it
    format INTEGER NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (series, minute, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX measured_minute_age ON measured_minute (minute);
