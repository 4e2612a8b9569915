//! The statements of our own layout on a server, and its table.

use crate::Options;
use crate::server::{Dialect, Kind, Making, Statement, Swap, Versioned};
use crate::times::{IDLE_END, later};

/// The newest version of the table this release knows.
pub(super) const KNOWN: i64 = 1;

/// The statements for one table, written once.
pub(super) struct Sql {
    pub(super) load: Statement,
    pub(super) create: Statement,
    pub(super) update: Statement,
    pub(super) touch: Statement,
    pub(super) point: Swap,
    pub(super) move_at_once: Swap,
    pub(super) delete: Statement,
    pub(super) end: Statement,
    pub(super) sweep: Statement,
    pub(super) by_subject: Statement,
    pub(super) delete_by_subject: Statement,
    pub(super) has_subject: Statement,
    pub(super) scan: Statement,
}

const COLUMNS: &str = "id_hash, version, created, seen, rotated, authenticated, idle_span, \
                       absolute_until, permanent, subject, payload";

/// Its place among the columns.
const SEEN: usize = 3;

const KINDS: [Kind; 11] = [
    Kind::Bytes,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Bool,
    Kind::Bytes,
    Kind::Bytes,
];

impl Sql {
    pub(super) fn new(dialect: Dialect, table: &str) -> Self {
        let statement = |sql: String| Statement::new(dialect, &sql, &[]);
        let reading = |sql: String| Statement::new(dialect, &sql, &KINDS);
        let live = "id_hash = ?1 AND version = ?2 AND moved_to IS NULL";
        let point = format!(
            "UPDATE {table} SET version = version + 1, created = NULL, \
             rotated = NULL, authenticated = NULL, idle_span = NULL, absolute_until = ?4, \
             permanent = FALSE, subject = NULL, moved_to = ?3, payload = '' WHERE {live}"
        );
        let remove = format!("DELETE FROM {table} WHERE {live}");
        let values = |first: usize| {
            let places: Vec<_> = (first..first + 11).map(|place| format!("?{place}")).collect();
            places.join(", ")
        };
        let insert = format!("INSERT INTO {table} ({COLUMNS}) VALUES ({})", values(1));
        // The new row first in the statement's eyes or not at all: a unique key
        // that is taken undoes the whole statement.
        let both = |step: &str, params: usize| {
            dialect.is_postgres().then(|| {
                statement(format!(
                    "WITH old AS ({step} RETURNING seen AS last_seen) \
                     INSERT INTO {table} ({COLUMNS}) SELECT {} FROM old",
                    typed(params + 1)
                ))
            })
        };
        // Where the database has no such statement the old row is locked and copied from
        // first, which the new one's `seen` needs; ?3 and on are the new row, ?14 the grace.
        let copied = format!(
            "INSERT INTO {table} ({COLUMNS}) SELECT ?3, ?4, ?5, {}, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
             FROM {table} WHERE {live} FOR UPDATE",
            later("seen", "?6")
        );
        let pointed = point.replace("?4", "?14");
        let swap = |step: String, params: usize, after: String| match dialect.is_postgres() {
            true => Swap {
                both: both(&step, params),
                first: statement(step),
                second: statement(insert.clone()),
            },
            false => {
                Swap { both: None, first: statement(copied.clone()), second: statement(after) }
            }
        };
        let mut loaded = KINDS.to_vec();
        loaded.push(Kind::Bytes);
        let load = format!("SELECT {COLUMNS}, moved_to FROM {table} WHERE id_hash = ?1");
        let sweep = match dialect.is_postgres() {
            true => format!(
                "DELETE FROM {table} WHERE id_hash IN (SELECT id_hash FROM {table} \
                 WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2 FOR UPDATE SKIP LOCKED)"
            ),
            false => {
                format!("DELETE FROM {table} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2")
            }
        };
        Self {
            load: Statement::new(dialect, &load, &loaded),
            create: statement(insert.clone()),
            update: statement(format!(
                "UPDATE {table} SET version = version + 1, created = ?3, seen = {}, rotated = ?5, \
                 authenticated = ?6, idle_span = ?7, absolute_until = ?8, permanent = ?9, \
                 subject = ?10, payload = ?11 WHERE {live}",
                later("seen", "?4")
            )),
            touch: statement(format!(
                "UPDATE {table} SET seen = {} WHERE id_hash = ?1 AND moved_to IS NULL \
                 AND (expires_at IS NULL OR expires_at > ?2)",
                later("seen", "?2")
            )),
            point: swap(point, 4, pointed),
            move_at_once: swap(remove.clone(), 2, remove),
            delete: statement(format!("DELETE FROM {table} WHERE id_hash = ?1")),
            end: statement(format!("DELETE FROM {table} WHERE id_hash = ?1 AND moved_to IS NULL")),
            sweep: statement(sweep),
            by_subject: reading(format!(
                "SELECT {COLUMNS} FROM {table} WHERE subject = ?1 ORDER BY created DESC"
            )),
            delete_by_subject: statement(format!(
                "DELETE FROM {table} WHERE subject = ?1 AND id_hash <> ?2"
            )),
            has_subject: Statement::new(
                dialect,
                &format!(
                    "SELECT version FROM {table} WHERE subject = ?1 AND id_hash <> ?2 LIMIT 1"
                ),
                &[Kind::Int],
            ),
            scan: reading(format!(
                "SELECT {COLUMNS} FROM {table} WHERE id_hash > ?1 AND moved_to IS NULL \
                 ORDER BY id_hash LIMIT ?2"
            )),
        }
    }
}

/// The places of a row's values with their types, where PostgreSQL cannot infer them. `seen`
/// is not earlier than the old row's.
fn typed(first: usize) -> String {
    let kinds = KINDS.iter().enumerate().map(|(place, kind)| {
        if place == SEEN {
            return later("last_seen", &format!("?{}::bigint", first + place));
        }
        let kind = match kind {
            Kind::Int => "bigint",
            Kind::Bool => "boolean",
            Kind::Bytes => "bytea",
            Kind::Text | Kind::Time => "text",
        };
        format!("?{}::{kind}", first + place)
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// A user's name is its bytes in UTF-8: collations take some names for the same, and a database in
/// another encoding than Unicode's has no place for most.
///
/// Times are milliseconds since 1970, `idle_span` is milliseconds after `seen`. A row with `moved_to` is a pointer, and
/// `absolute_until` its end.
pub(super) fn making(dialect: Dialect, options: &Options) -> Making {
    let table = options.quoted_table(dialect);
    let schema_table = options.quoted(dialect, "sessile_schema");
    let name = |suffix: &str| dialect.quoted(&format!("{}_{suffix}", options.table));
    let (expires, subject) = (name("expires"), name("subject"));
    let ddl = if dialect.is_mysql() {
        vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} (
                id_hash BINARY(32) NOT NULL PRIMARY KEY,
                version BIGINT NOT NULL,
                created BIGINT, seen BIGINT, rotated BIGINT, authenticated BIGINT,
                idle_span BIGINT, absolute_until BIGINT,
                expires_at BIGINT GENERATED ALWAYS AS (
                    LEAST(COALESCE({IDLE_END}, absolute_until),
                          COALESCE(absolute_until, {IDLE_END}))
                ) STORED,
                permanent BOOLEAN NOT NULL,
                subject VARBINARY(200),
                moved_to BINARY(32),
                payload LONGBLOB NOT NULL,
                INDEX {expires} (expires_at),
                INDEX {subject} (subject, created)
            ) ENGINE = InnoDB"
        )]
    } else {
        vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (
                    id_hash BYTEA NOT NULL PRIMARY KEY,
                    version BIGINT NOT NULL,
                    created BIGINT, seen BIGINT, rotated BIGINT, authenticated BIGINT,
                    idle_span BIGINT, absolute_until BIGINT,
                    expires_at BIGINT
                        GENERATED ALWAYS AS (LEAST({IDLE_END}, absolute_until)) STORED,
                    permanent BOOLEAN NOT NULL,
                    subject BYTEA,
                    moved_to BYTEA,
                    payload BYTEA NOT NULL
                )"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS {expires} ON {table} (expires_at)
                 WHERE expires_at IS NOT NULL"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS {subject} ON {table} (subject, created)
                 WHERE subject IS NOT NULL"
            ),
        ]
    };
    let text = if dialect.is_mysql() { "VARCHAR(64)" } else { "TEXT" };
    let versioned = Versioned {
        schema_ddl: format!(
            "CREATE TABLE IF NOT EXISTS {schema_table} \
             (name {text} NOT NULL PRIMARY KEY, version BIGINT NOT NULL)"
        ),
        schema_table,
        name: options.table.clone(),
        version: KNOWN,
    };
    // One lock for all tables: they share the table of versions.
    Making { table, lock: "sessile tables".into(), ddl, versioned: Some(versioned) }
}
