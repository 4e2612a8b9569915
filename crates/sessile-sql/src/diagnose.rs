//! What an operator should know: whether what is acknowledged lasts, whose clock
//! the server follows, and what the table lacks.

use std::sync::Arc;

use sessile_core::store::{Finding, Layout, Level};
use sessile_core::{StoreError, Timestamp};

mod deployment;

use crate::Options;
use crate::server::{Database, Dialect, Kind, Param, Row, Statement};

/// The table, as far as questions name it.
#[derive(Debug)]
pub(crate) struct Table {
    schema: Option<String>,
    name: String,
    layout: Layout,
}

impl Table {
    pub(crate) fn of(options: &Options) -> Arc<Self> {
        let Options { schema, table, layout, .. } = options;
        Arc::new(Self { schema: schema.clone(), name: table.clone(), layout: *layout })
    }

    /// The column by which expired sessions are found, where we did not make the table's indexes.
    fn expiry(&self) -> Option<&'static str> {
        match self.layout {
            Layout::FlaskSession => Some("expiry"),
            Layout::Django => Some("expire_date"),
            _ => None,
        }
    }
}

pub(crate) async fn diagnose<D: Database>(
    database: &D,
    table: &Table,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Vec<Finding>, StoreError> {
    let asking = Asking { database, table };
    let dialect = database.dialect();
    let mut findings = Vec::new();
    if dialect.is_postgres() {
        asking
            .clock("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)", clock)
            .await
            .map(|finding| findings.push(finding))?;
        findings.extend(asking.postgres().await);
    } else if dialect.is_mysql() {
        asking
            .clock("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)", clock)
            .await
            .map(|finding| findings.push(finding))?;
        findings.extend(asking.mysql().await);
    } else {
        findings.extend(asking.sqlite().await);
    }
    findings.extend(asking.indexes(dialect).await);
    findings.extend(asking.deployment().await);
    Ok(findings)
}

struct Asking<'a, D> {
    database: &'a D,
    table: &'a Table,
}

impl<D: Database> Asking<'_, D> {
    /// The first column of what is answered, as text.
    async fn texts(&self, sql: &str, params: Vec<Param>) -> Result<Vec<String>, StoreError> {
        let statement = Statement::new(self.database.dialect(), sql, &[Kind::Text]);
        let rows = self.database.rows(&statement, params).await?;
        let strange = self.database.dialect().strange_answer();
        let text = |mut row: Row| Ok(row.text().map_err(&strange)?.unwrap_or_default());
        rows.into_iter().map(text).collect()
    }

    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        let statement = Statement::new(self.database.dialect(), sql, &[Kind::Int]);
        let rows = self.database.rows(&statement, Vec::new()).await?;
        let strange = self.database.dialect().strange_answer();
        let number = rows.into_iter().next().map(|mut row| row.int().map_err(strange));
        Ok(number.transpose()?.flatten().unwrap_or_default())
    }

    async fn clock(
        &self,
        sql: &str,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<Finding, StoreError> {
        // The first question may have to make a connection.
        self.number(sql).await?;
        let before = clock();
        let theirs = self.number(sql).await?;
        Ok(Finding::clock(before, Timestamp::from_millis(theirs), clock()))
    }

    /// A setting that is to have one of these values.
    async fn setting(
        &self,
        check: &'static str,
        sql: &str,
        good: &[&str],
        advice: &'static str,
    ) -> Finding {
        match self.texts(sql, Vec::new()).await {
            Ok(found) => {
                let found = found.into_iter().next().unwrap_or_default();
                match good.contains(&found.as_str()) {
                    true => Finding::good(check, found),
                    false => Finding::warning(check, found).advise(advice),
                }
            }
            Err(error) => Finding::note(check, format!("it does not say: {error}")),
        }
    }

    async fn postgres(&self) -> Vec<Finding> {
        vec![
            self.setting(
                "fsync",
                "SELECT current_setting('fsync')",
                &["on"],
                "set fsync = on: after a power failure the whole database may be lost",
            )
            .await,
            self.setting(
                "commits",
                "SELECT 'synchronous_commit ' || current_setting('synchronous_commit')",
                &[
                    "synchronous_commit on",
                    "synchronous_commit remote_write",
                    "synchronous_commit remote_apply",
                ],
                "set synchronous_commit = on: after a failure a session that was ended may be \
                 live again",
            )
            .await,
            self.setting(
                "role",
                "SELECT CASE WHEN pg_is_in_recovery() THEN 'a standby' ELSE 'the primary' END",
                &["the primary"],
                "give the primary's address: a standby takes no writes and shows ended sessions \
                 for a while",
            )
            .await,
        ]
    }

    async fn mysql(&self) -> Vec<Finding> {
        let table_schema = match &self.table.schema {
            Some(_) => "?2",
            None => "DATABASE()",
        };
        let sql = format!(
            "SELECT engine FROM information_schema.tables WHERE table_name = ?1 AND \
             table_schema = {table_schema}"
        );
        let engine = match self
            .texts(&sql, self.names())
            .await
            .map(|found| found.into_iter().next())
        {
            Ok(Some(engine)) if engine == "InnoDB" => Finding::good("engine", engine),
            Ok(Some(engine)) => Finding::bad("engine", engine).advise(
                "ALTER TABLE … ENGINE = InnoDB: with others a crash may damage the table, and a \
                 change of id is not one step",
            ),
            _ => Finding::note("engine", "it does not say"),
        };
        vec![
            engine,
            self.setting(
                "commits",
                "SELECT CONCAT('innodb_flush_log_at_trx_commit ', \
                 @@innodb_flush_log_at_trx_commit)",
                &["innodb_flush_log_at_trx_commit 1"],
                "set innodb_flush_log_at_trx_commit = 1: after a power failure a session that was \
                 ended may be live again",
            )
            .await,
            self.setting(
                "role",
                "SELECT CASE WHEN @@read_only = 0 THEN 'takes writes' ELSE 'read-only' END",
                &["takes writes"],
                "give the primary's address: a replica takes no writes and shows ended sessions \
                 for a while",
            )
            .await,
        ]
    }

    async fn sqlite(&self) -> Vec<Finding> {
        let mut journal = self
            .setting(
                "journal",
                "PRAGMA journal_mode",
                &["wal"],
                "readers wait for writers; PRAGMA journal_mode = WAL mends it, on a local file \
                 system (a network's cannot have it)",
            )
            .await;
        // It costs patience, not sessions.
        journal.level = journal.level.min(Level::Note);
        let mut findings = vec![journal];
        let numbers = async {
            let pages = self.number("PRAGMA page_count").await?;
            let free = self.number("PRAGMA freelist_count").await?;
            let size = self.number("PRAGMA page_size").await?;
            Ok::<_, StoreError>((pages, free, size))
        };
        if let Ok((pages, free, size)) = numbers.await {
            let size = |pages: i64| match pages.saturating_mul(size) {
                bytes @ ..1_048_576 => format!("{} KiB", bytes >> 10),
                bytes => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
            };
            let text = format!("{}, {} of it free", size(pages), size(free));
            let mostly_free = pages > 25_000 && free > pages / 2;
            findings.push(match mostly_free {
                true => Finding::note("file", text).advise("VACUUM gives the space back"),
                false => Finding::good("file", text),
            });
        }
        findings
    }

    fn names(&self) -> Vec<Param> {
        let name = |name: &String| Param::Text(Some(name.clone()));
        std::iter::once(&self.table.name).chain(&self.table.schema).map(name).collect()
    }

    /// Whether a sweep finds what has expired without reading the whole table.
    async fn indexes(&self, dialect: Dialect) -> Option<Finding> {
        const CHECK: &str = "index";
        let column = self.table.expiry()?;
        let (sql, params) = if dialect.is_postgres() {
            let schema = if self.table.schema.is_some() { "?2" } else { "current_schema()" };
            let sql = format!(
                "SELECT indexdef FROM pg_indexes WHERE tablename = ?1 AND schemaname = {schema}"
            );
            (sql, self.names())
        } else if dialect.is_mysql() {
            let schema = if self.table.schema.is_some() { "?2" } else { "DATABASE()" };
            let sql = format!(
                "SELECT column_name FROM information_schema.statistics WHERE table_name = ?1 AND \
                 seq_in_index = 1 AND table_schema = {schema}"
            );
            (sql, self.names())
        } else {
            let sql = "SELECT coalesce(sql, '') FROM sqlite_master WHERE type = 'index' AND \
                       tbl_name = ?1";
            (sql.to_owned(), vec![Param::Text(Some(self.table.name.clone()))])
        };
        let found = match self.texts(&sql, params).await {
            Ok(found) => found.iter().any(|index| index.to_lowercase().contains(column)),
            Err(error) => return Some(Finding::note(CHECK, format!("it does not say: {error}"))),
        };
        Some(match found {
            true => Finding::good(CHECK, format!("on {column}")),
            false => Finding::note(CHECK, format!("none on {column}")).advise(format!(
                "every sweep reads the whole table; CREATE INDEX {0}_{column} ON {0} ({column}) \
                 harms neither side",
                self.table.name
            )),
        })
    }
}
