//! The originals' tables as they make them, and the statements on them.

use sessile_core::store::Layout;

use crate::Options;
use crate::server::{Dialect, Kind, Statement, Swap};

/// The statements for one table, written once.
pub(super) struct Sql {
    pub(super) load: Statement,
    pub(super) create: Statement,
    pub(super) update: Statement,
    pub(super) touch: Statement,
    pub(super) replace: Swap,
    pub(super) delete: Statement,
    pub(super) sweep: Sweeping,
    pub(super) scan: Statement,
}

/// How expired rows are found.
pub(super) enum Sweeping {
    /// By an index on the expiry, the oldest first.
    Index(Statement),
    /// There is none.
    Walk(Walk),
}

/// Through a table in the order of its numbers.
pub(super) struct Walk {
    /// The last number of the next rows, and how many of these have expired.
    pub(super) look: Statement,
    /// Removes expired rows within a range of numbers.
    pub(super) remove: Statement,
}

/// What the layout calls its columns.
struct Names {
    key: &'static str,
    data: &'static str,
    expiry: &'static str,
}

const FLASK: Names = Names { key: "session_id", data: "data", expiry: "expiry" };
const DJANGO: Names = Names { key: "session_key", data: "session_data", expiry: "expire_date" };

impl Sql {
    pub(super) fn new(dialect: Dialect, layout: Layout, table: &str) -> Self {
        let django = layout == Layout::Django;
        let Names { key, data, expiry } = if django { DJANGO } else { FLASK };
        let kinds = [Kind::Text, if django { Kind::Text } else { Kind::Bytes }, Kind::Time];
        let statement = |sql: String| Statement::new(dialect, &sql, &[]);
        let reading = |sql: String| Statement::new(dialect, &sql, &kinds);
        // MySQL's collations take `a` for `A`: the index finds, the bytes decide. They are those
        // of UTF-8, as our parameter is, whatever the table's character set.
        let (this, as_loaded) = if dialect.is_mysql() {
            (
                format!(
                    "{key} = ?1 AND \
                     CAST(CONVERT({key} USING utf8mb4) AS BINARY) = CAST(?1 AS BINARY)"
                ),
                format!("CAST({data} AS BINARY) = CAST(?2 AS BINARY)"),
            )
        } else {
            (format!("{key} = ?1"), format!("{data} = ?2"))
        };
        let insert = format!("INSERT INTO {table} ({key}, {data}, {expiry}) VALUES (?1, ?2, ?3)");
        let remove = format!("DELETE FROM {table} WHERE {this} AND {as_loaded}");
        let both = dialect.is_postgres().then(|| {
            let (data_type, time) =
                if django { ("text", "timestamptz") } else { ("bytea", "timestamp") };
            statement(format!(
                "WITH old AS ({remove} RETURNING 1) INSERT INTO {table} ({key}, {data}, {expiry}) \
                 SELECT ?3::text, ?4::{data_type}, ?5::{time} FROM old"
            ))
        });
        let sweep = if django {
            Sweeping::Index(statement(oldest(dialect, table)))
        } else {
            Sweeping::Walk(walk(dialect, table))
        };
        Self {
            load: reading(format!("SELECT {key}, {data}, {expiry} FROM {table} WHERE {this}")),
            create: statement(insert.clone()),
            update: statement(format!(
                "UPDATE {table} SET {data} = ?3, {expiry} = ?4 WHERE {this} AND {as_loaded}"
            )),
            touch: statement(format!(
                "UPDATE {table} SET {expiry} = CASE WHEN {expiry} < ?3 THEN ?3 ELSE {expiry} END \
                 WHERE {this} AND {expiry} > ?2"
            )),
            replace: Swap { both, first: statement(remove), second: statement(insert) },
            delete: statement(format!("DELETE FROM {table} WHERE {this}")),
            sweep,
            scan: reading(format!(
                "SELECT {key}, {data}, {expiry} FROM {table} WHERE {key} > ?1 \
                 ORDER BY {key} LIMIT ?2"
            )),
        }
    }
}

/// Django's table has an index on the expiry.
fn oldest(dialect: Dialect, table: &str) -> String {
    let Names { key, expiry, .. } = DJANGO;
    let expired = format!("{expiry} <= ?1 ORDER BY {expiry} LIMIT ?2");
    if dialect.is_mysql() {
        return format!("DELETE FROM {table} WHERE {expired}");
    }
    let skip = if dialect.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
    format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {expired}{skip})")
}

/// Flask-Session's has none, but every row a number.
fn walk(dialect: Dialect, table: &str) -> Walk {
    let expiry = FLASK.expiry;
    // PostgreSQL takes a parameter for what it is compared with.
    let big = if dialect.is_postgres() { "::bigint" } else { "" };
    let look = format!(
        "SELECT MAX(id){big}, COUNT(CASE WHEN {expiry} <= ?1 THEN 1 END) FROM \
         (SELECT id, {expiry} FROM {table} WHERE id > ?3{big} ORDER BY id LIMIT ?2) AS next"
    );
    let expired = format!("id > ?3{big} AND id <= ?4{big} AND {expiry} <= ?1");
    let remove = if dialect.is_mysql() {
        format!("DELETE FROM {table} WHERE {expired} ORDER BY id LIMIT ?2")
    } else {
        let skip = if dialect.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
        format!(
            "DELETE FROM {table} WHERE id IN \
             (SELECT id FROM {table} WHERE {expired} ORDER BY id LIMIT ?2{skip})"
        )
    };
    Walk {
        look: Statement::new(dialect, &look, &[Kind::Int, Kind::Int]),
        remove: Statement::new(dialect, &remove, &[]),
    }
}

/// Makes the table as SQLAlchemy 2.0 makes Flask-Session 0.8's and as Django's
/// first migration of `sessions` makes its own, unless it is there.
pub(crate) fn ddl(dialect: Dialect, options: &Options) -> Vec<String> {
    let table = options.quoted_table(dialect);
    // Django's own names for its own table; another's would clash with them,
    // since PostgreSQL and SQLite keep the names of indexes per schema.
    let (expire_date, like) = match options.table.as_str() {
        "django_session" => (
            "django_session_expire_date_a5c62663".to_owned(),
            "django_session_session_key_c0390e0f_like".to_owned(),
        ),
        other => (format!("{other}_expire_date"), format!("{other}_session_key_like")),
    };
    match (options.layout, dialect.name()) {
        (Layout::Django, "postgres") => vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (session_key varchar(40) NOT NULL PRIMARY KEY, \
                 session_data text NOT NULL, expire_date timestamp with time zone NOT NULL)"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS {like} \
                 ON {table} (session_key varchar_pattern_ops)"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS {expire_date} \
                 ON {table} (expire_date)"
            ),
        ],
        (Layout::Django, "mysql") => vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} (`session_key` varchar(40) NOT NULL PRIMARY KEY, \
             `session_data` longtext NOT NULL, `expire_date` datetime(6) NOT NULL, \
             INDEX `{expire_date}` (`expire_date`))"
        )],
        (Layout::Django, _) => vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (\"session_key\" varchar(40) NOT NULL \
                 PRIMARY KEY, \"session_data\" text NOT NULL, \"expire_date\" datetime NOT NULL)"
            ),
            format!(
                "CREATE INDEX IF NOT EXISTS \"{expire_date}\" \
                 ON {table} (\"expire_date\")"
            ),
        ],
        (_, "postgres") => vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} (id SERIAL NOT NULL, session_id VARCHAR(255), \
             data BYTEA, expiry TIMESTAMP WITHOUT TIME ZONE, PRIMARY KEY (id), \
             UNIQUE (session_id))"
        )],
        (_, "mysql") => vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} (id INTEGER NOT NULL AUTO_INCREMENT, \
             session_id VARCHAR(255), data BLOB, expiry DATETIME, PRIMARY KEY (id), \
             UNIQUE (session_id))"
        )],
        _ => vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} (id INTEGER NOT NULL, session_id VARCHAR(255), \
             data BLOB, expiry DATETIME, PRIMARY KEY (id), UNIQUE (session_id))"
        )],
    }
}
