//! What lies between us and the table: a pooler, TLS, rights, a server that takes no writes.

use sessile_core::store::{Finding, Layout};
use sessile_core::{StoreError, StoreErrorKind};

use super::Asking;
use crate::server::{Database, Kind, Param, Statement};

/// What is done to the table of sessions.
const RIGHTS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

impl<D: Database> Asking<'_, D> {
    pub(super) async fn deployment(&self) -> Vec<Finding> {
        let dialect = self.database.dialect();
        let mut findings = Vec::new();
        if dialect.is_postgres() {
            findings.push(self.pooler());
            findings.push(self.postgres_tls().await);
            findings.push(told("rights", self.postgres_rights().await));
            findings.push(self.encoding().await);
        } else if dialect.is_mysql() {
            findings.push(self.mysql_tls().await);
            findings.push(told("rights", self.mysql_rights().await));
        }
        findings
    }

    fn pooler(&self) -> Finding {
        match self.database.met_a_pooler() {
            true => Finding::good(
                "pooler",
                "one is in between (it refuses startup options); it may run in any mode",
            ),
            false => Finding::good("pooler", "none has shown itself"),
        }
    }

    async fn postgres_tls(&self) -> Finding {
        let sql = "SELECT CASE WHEN ssl THEN 'on, ' || version ELSE 'off' END FROM pg_stat_ssl \
                   WHERE pid = pg_backend_pid()";
        self.tls(self.texts(sql, Vec::new()).await, "sslmode=verify-full")
    }

    async fn mysql_tls(&self) -> Finding {
        let kinds = &[Kind::Text, Kind::Text];
        let sql = "SHOW SESSION STATUS LIKE 'Ssl_version'";
        let statement = Statement::new(self.database.dialect(), sql, kinds);
        let found = self.database.rows(&statement, Vec::new()).await.map(|rows| {
            let version = |mut row: crate::server::Row| {
                let _name = row.text();
                row.text().ok().flatten()
            };
            let version = rows.into_iter().find_map(version).unwrap_or_default();
            vec![if version.is_empty() { "off".to_owned() } else { format!("on, {version}") }]
        });
        self.tls(found, "ssl_ca=FILE")
    }

    fn tls(&self, found: Result<Vec<String>, StoreError>, parameter: &str) -> Finding {
        const CHECK: &str = "TLS";
        match found.map(|found| found.into_iter().next().unwrap_or_default()) {
            Ok(state) if state.starts_with("on") => Finding::good(CHECK, state),
            Ok(_) => Finding::note(CHECK, "off, as the server sees it").advise(format!(
                "ids and passwords pass in the clear; on a network that others share, add \
                 {parameter} to the address"
            )),
            Err(error) => Finding::note(CHECK, format!("it does not say: {error}")),
        }
    }

    async fn encoding(&self) -> Finding {
        self.setting(
            "encoding",
            "SELECT current_setting('server_encoding')",
            &["UTF8"],
            "users whose names have other characters cannot log in; a database with ENCODING \
             'UTF8' takes all",
        )
        .await
    }

    /// The table as the statements name it.
    fn quoted(&self, name: &str) -> String {
        let dialect = self.database.dialect();
        let schema = self.table.schema.iter().map(|schema| dialect.quoted(schema) + ".");
        schema.chain([dialect.quoted(name)]).collect()
    }

    /// The statements that would give what is missing.
    async fn postgres_rights(&self) -> Result<Vec<String>, StoreError> {
        let table = self.quoted(&self.table.name);
        let role = self.texts("SELECT quote_ident(current_user)", Vec::new()).await?;
        let role = role.into_iter().next().unwrap_or_default();
        let text = |text: &str| Param::Text(Some(text.to_owned()));
        let mut missing = Vec::new();
        for right in RIGHTS {
            let sql = "SELECT 'yes' WHERE has_table_privilege(?1, ?2)";
            if self.texts(sql, vec![text(&table), text(right)]).await?.is_empty() {
                missing.push(right);
            }
        }
        let mut grants = grant(&missing, &table, &role);
        if self.table.layout == Layout::Native {
            let versions = self.quoted("sessile_schema");
            let sql = "SELECT 'yes' WHERE has_table_privilege(?1, 'SELECT')";
            if self.texts(sql, vec![text(&versions)]).await?.is_empty() {
                grants.extend(grant(&["SELECT"], &versions, &role));
            }
        }
        if self.table.layout == Layout::FlaskSession {
            let sql = "SELECT s FROM pg_get_serial_sequence(?1, 'id') AS s WHERE s IS NOT NULL \
                       AND NOT has_sequence_privilege(s, 'USAGE')";
            for sequence in self.texts(sql, vec![text(&table)]).await? {
                grants.push(format!("GRANT USAGE ON SEQUENCE {sequence} TO {role}"));
            }
        }
        Ok(grants)
    }

    /// Found out by `EXPLAIN`, which needs the rights of what it explains and does nothing.
    async fn mysql_rights(&self) -> Result<Vec<String>, StoreError> {
        let table = self.quoted(&self.table.name);
        let (key, data) = match self.table.layout {
            Layout::Native => ("id_hash", "payload"),
            Layout::FlaskSession => ("session_id", "data"),
            Layout::Django => ("session_key", "session_data"),
        };
        let mut missing = Vec::new();
        for (right, sql) in [
            ("SELECT", format!("EXPLAIN SELECT {data} FROM {table} WHERE {key} = ''")),
            ("INSERT", format!("EXPLAIN INSERT INTO {table} ({key}) VALUES ('')")),
            ("UPDATE", format!("EXPLAIN UPDATE {table} SET {data} = '' WHERE {key} = ''")),
            ("DELETE", format!("EXPLAIN DELETE FROM {table} WHERE {key} = ''")),
        ] {
            let statement = Statement::new(self.database.dialect(), &sql, &[]);
            match self.database.rows(&statement, Vec::new()).await {
                Err(error) if is_denied(&error) => missing.push(right),
                _ => {}
            }
        }
        let sql = "SELECT CONCAT(\"'\", REPLACE(CURRENT_USER(), '@', \"'@'\"), \"'\")";
        let user = self.texts(sql, Vec::new()).await?.into_iter().next().unwrap_or_default();
        let database = self.texts("SELECT DATABASE()", Vec::new()).await?.into_iter().next();
        let whole = match (&self.table.schema, database) {
            (None, Some(database)) => {
                format!("{}.{table}", self.database.dialect().quoted(&database))
            }
            _ => table,
        };
        Ok(grant(&missing, &whole, &user))
    }
}

/// The server's codes for a right that is missing, on a table or a column.
fn is_denied(error: &StoreError) -> bool {
    let said = error.to_string();
    error.kind() == StoreErrorKind::ReadOnly
        && ["1142", "1143", "1044"].iter().any(|code| said.contains(code))
}

fn grant(rights: &[&str], table: &str, role: &str) -> Vec<String> {
    let some = !rights.is_empty();
    some.then(|| format!("GRANT {} ON {table} TO {role}", rights.join(", "))).into_iter().collect()
}

fn told(check: &'static str, missing: Result<Vec<String>, StoreError>) -> Finding {
    match missing {
        Ok(grants) if grants.is_empty() => Finding::good(check, "all that sessions take"),
        Ok(grants) => Finding::bad(check, "some are missing")
            .advise(format!("have the tables' owner run: {};", grants.join("; "))),
        Err(error) => Finding::note(check, format!("it does not say: {error}")),
    }
}
