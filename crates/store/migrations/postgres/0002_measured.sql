-- What was counted of event buses, rules and targets, by minute. Owner and names stand once, in the series: a busy
-- server writes many minutes.

-- Of everything (bus empty), a bus (rule empty), a rule (target empty) or a target.
CREATE TABLE measured_series (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant  TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    region  TEXT COLLATE "C" NOT NULL,
    bus     TEXT COLLATE "C" NOT NULL,
    rule    TEXT COLLATE "C" NOT NULL,
    target  TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant, account, region, bus, rule, target)
);

CREATE TABLE measured_minute (
    series BIGINT NOT NULL REFERENCES measured_series (id),
    minute BIGINT NOT NULL,           -- since 1970 UTC
    part   BIGINT NOT NULL,           -- parts of a minute add up: one for each process that counted in it
    format SMALLINT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (series, minute, part)
);
CREATE INDEX measured_minute_age ON measured_minute (minute);
