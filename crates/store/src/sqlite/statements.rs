//! The statements of every read, each answered by an index: a test asks SQLite for its plans.

/// Every statement selects a body as `t.format, t.body, p.format, p.body`.
macro_rules! body {
    () => {
        "t.format, t.body, p.format, p.body"
    };
}

pub(super) const ROOT: &str = concat!(
    "SELECT t.kind, t.uuid, t.tenant, t.account, t.region, t.revision, t.created, ",
    body!(),
    ", t.id FROM aggregate t LEFT JOIN payload p ON p.id = t.payload WHERE t.uuid = ?1 AND t.kind = ?2"
);

pub(super) const FRAME: &str = concat!(
    "SELECT ",
    body!(),
    " FROM frame t LEFT JOIN payload p ON p.id = t.payload WHERE t.aggregate = ?1 AND t.key = ?2"
);

pub(super) const FRAMES: &str = concat!(
    "SELECT ",
    body!(),
    ", t.key FROM frame t LEFT JOIN payload p ON p.id = t.payload ",
    "WHERE t.aggregate = ?1 AND t.key >= ?2 AND (?3 IS NULL OR t.key < ?3) ORDER BY t.key"
);

pub(super) const LIST_ALL: &str = concat!(
    "SELECT t.kind, t.uuid, t.tenant, t.account, t.region, t.revision, t.created, ",
    body!(),
    " FROM aggregate t INDEXED BY aggregate_newest LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.tenant = ?1 AND t.account = ?2 AND t.kind = ?3 AND (?4 = '' OR t.region = ?4) \
     AND (t.created, t.uuid) < (?5, ?6) ORDER BY t.created DESC, t.uuid DESC LIMIT ?7"
);

pub(super) const LIST_INDEXED: &str = concat!(
    "SELECT t.kind, t.uuid, t.tenant, t.account, t.region, t.revision, t.created, ",
    body!(),
    " FROM aggregate_index i CROSS JOIN aggregate t ON t.id = i.aggregate LEFT JOIN payload p ON p.id = t.payload \
     WHERE i.tenant = ?1 AND i.account = ?2 AND i.kind = ?3 AND (?4 = '' OR i.region = ?4) \
     AND (i.created, i.uuid) < (?5, ?6) AND i.name = ?8 AND i.value = ?9 \
     ORDER BY i.created DESC, i.uuid DESC LIMIT ?7"
);

pub(super) const INBOX_MARK: &str =
    "SELECT coalesce(max(seq), 0) FROM inbox INDEXED BY inbox_pending WHERE done = 0";

pub(super) const EFFECTS_MARK: &str =
    "SELECT coalesce(max(seq), 0) FROM effect INDEXED BY effect_pending WHERE status = 0";

pub(super) const INBOX: &str = concat!(
    "SELECT t.kind, t.uuid, t.tenant, t.account, t.region, t.seq, t.at, ",
    body!(),
    " FROM inbox t INDEXED BY inbox_pending LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.done = 0 AND t.seq > ?1 ORDER BY t.seq LIMIT ?2"
);

pub(super) const EFFECTS: &str = concat!(
    "SELECT t.kind, t.uuid, t.tenant, t.account, t.region, t.seq, t.at, ",
    body!(),
    ", t.id, t.recovery FROM effect t INDEXED BY effect_pending LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.status = 0 AND t.seq > ?1 ORDER BY t.seq LIMIT ?2"
);

pub(super) const TIMERS: &str = "SELECT a.kind, a.uuid, a.tenant, a.account, a.region, t.due, t.key \
     FROM timer t INDEXED BY timer_due CROSS JOIN aggregate a ON a.id = t.aggregate \
     WHERE t.due <= ?1 ORDER BY t.due, t.aggregate, t.key LIMIT ?2";

pub(super) const JOURNAL_ALL: &str = concat!(
    "SELECT t.kind, t.uuid, t.seq, t.revision, t.at, t.entropy, ",
    body!(),
    " FROM journal t LEFT JOIN payload p ON p.id = t.payload WHERE t.seq > ?1 ORDER BY t.seq LIMIT ?2"
);

pub(super) const JOURNAL_ONE: &str = concat!(
    "SELECT t.kind, t.uuid, t.seq, t.revision, t.at, t.entropy, ",
    body!(),
    " FROM journal t INDEXED BY journal_aggregate LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.aggregate = ?3 AND t.seq > ?1 ORDER BY t.seq LIMIT ?2"
);

pub(super) const NUMBER_PAST: &str =
    "SELECT aggregate FROM aggregate_past WHERE uuid = ?1 AND kind = ?2 ORDER BY aggregate";

pub(super) const NUMBER_PRESENT: &str = "SELECT id FROM aggregate WHERE uuid = ?1 AND kind = ?2";

pub(super) const CLAIM: &str = "SELECT kind, uuid FROM claim WHERE tenant = ?1 AND account = ?2 AND family = ?3 AND key = ?4 \
     AND (expires IS NULL OR expires > ?5)";

pub(super) const LASTING_CLAIMS: &str = "SELECT kind, uuid, key FROM claim INDEXED BY claim_lasting \
     WHERE family = ?1 AND key > ?2 AND expires IS NULL ORDER BY key LIMIT ?3";

pub(super) const RESOURCE: &str = concat!(
    "SELECT t.tenant, t.account, t.region, t.kind, t.name, t.revision, t.created, t.updated, ",
    body!(),
    " FROM resource t LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.kind = ?1 AND t.tenant = ?2 AND t.account = ?3 AND t.region = ?4 AND t.name = ?5"
);

pub(super) const RESOURCES_ONE: &str = concat!(
    "SELECT t.tenant, t.account, t.region, t.kind, t.name, t.revision, t.created, t.updated, ",
    body!(),
    " FROM resource t LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.kind = ?1 AND t.tenant = ?2 AND t.account = ?3 AND t.region = ?4 \
     AND t.name >= ?5 AND t.name > ?6 AND (?7 IS NULL OR t.name < ?7) ORDER BY t.name LIMIT ?8"
);

pub(super) const RESOURCES_EVERYBODY: &str = concat!(
    "SELECT t.tenant, t.account, t.region, t.kind, t.name, t.revision, t.created, t.updated, ",
    body!(),
    " FROM resource t LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.kind = ?1 AND (t.tenant, t.account, t.region, t.name) > (?2, ?3, ?4, ?6) \
     AND t.name >= ?5 AND (?7 IS NULL OR t.name < ?7) \
     ORDER BY t.tenant, t.account, t.region, t.name LIMIT ?8"
);

pub(super) const MEASURED: &str = "SELECT m.minute, m.part, m.format, m.body FROM measured_series s \
     CROSS JOIN measured_minute m ON m.series = s.id \
     WHERE s.tenant = ?1 AND s.account = ?2 AND s.region = ?3 AND s.bus = ?4 AND s.rule = ?5 AND s.target = ?6 \
     AND m.minute >= ?7 AND m.minute < ?8 AND (m.minute, m.part) > (?9, ?10) ORDER BY m.minute, m.part LIMIT ?11";

pub(super) const SERIES: &str = "SELECT tenant, account, region, bus, rule, target FROM measured_series \
     WHERE tenant = ?1 AND account = ?2 AND region = ?3 AND (bus, rule, target) > (?4, ?5, ?6) \
     ORDER BY bus, rule, target LIMIT ?7";

pub(super) const SERIES_FIRST: &str = "SELECT tenant, account, region, bus, rule, target FROM measured_series \
     WHERE tenant = ?1 AND account = ?2 AND region = ?3 ORDER BY bus, rule, target LIMIT ?4";

pub(super) const ARCHIVED: &str = concat!(
    "SELECT ",
    body!(),
    ", t.at, t.event, t.size FROM archived_event t LEFT JOIN payload p ON p.id = t.payload \
     WHERE t.archive = ?1 AND t.at >= ?2 AND t.at <= ?3 AND (t.at, t.event) > (?4, ?5) \
     ORDER BY t.at, t.event LIMIT ?6"
);

pub(super) const ARCHIVE_TOTAL: &str = "SELECT events, bytes FROM archive_total WHERE archive = ?1";

/// All of them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 24] = [
    ROOT,
    FRAME,
    FRAMES,
    LIST_ALL,
    LIST_INDEXED,
    INBOX_MARK,
    EFFECTS_MARK,
    INBOX,
    EFFECTS,
    TIMERS,
    JOURNAL_ALL,
    JOURNAL_ONE,
    NUMBER_PAST,
    NUMBER_PRESENT,
    CLAIM,
    LASTING_CLAIMS,
    RESOURCE,
    RESOURCES_ONE,
    RESOURCES_EVERYBODY,
    MEASURED,
    SERIES,
    SERIES_FIRST,
    ARCHIVED,
    ARCHIVE_TOTAL,
];
