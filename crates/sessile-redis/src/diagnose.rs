//! What an operator should know: whether the server forgets sessions, and
//! whether what it acknowledged outlasts it.

use redis::{Value, cmd};
use sessile_core::store::Finding;
use sessile_core::{StoreError, Timestamp};

use crate::Options;
use crate::server::{Effect, Server};

/// What the settings say of it.
pub(crate) struct Diagnosis<'a> {
    pub(crate) server: &'a Server,
    /// Whether writes wait for replicas.
    pub(crate) durable: bool,
}

impl Diagnosis<'_> {
    pub(crate) fn durable(options: &Options) -> bool {
        options.durable.is_some()
    }

    pub(crate) async fn findings(
        &self,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        let before = clock();
        let time = self.server.one(b"", &cmd("TIME"), Effect::Reads).await;
        let after = clock();
        if let Some(theirs) = time.ok().as_ref().and_then(moment) {
            findings.push(Finding::clock(before, theirs, after));
        }
        let info = self.server.one(b"", &cmd("INFO"), Effect::Reads).await;
        let info = match info.map(|answer| text(&answer)) {
            Ok(Some(info)) => info,
            _ => {
                findings.push(Finding::note("INFO", "the server does not answer it"));
                return Ok(findings);
            }
        };
        let field = |name: &str| {
            info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
        };
        let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok());
        if let Some(version) = field("valkey_version").or(field("redis_version")) {
            findings.push(Finding::good("server", version));
        }
        findings.push(eviction(
            field("maxmemory_policy"),
            number("maxmemory"),
            number("used_memory"),
            number("evicted_keys"),
        ));
        findings.push(persistence(
            field("aof_enabled") == Some("1"),
            field("rdb_last_bgsave_status"),
            number("rdb_changes_since_last_save"),
        ));
        findings.extend(role(field("role")));
        let replicas = number("connected_slaves").unwrap_or_default();
        findings.extend(self.replication(replicas).await);
        Ok(findings)
    }

    async fn config(&self, name: &str) -> Option<String> {
        let mut command = cmd("CONFIG");
        command.arg("GET").arg(name);
        match self.server.one(b"", &command, Effect::Reads).await.ok()? {
            Value::Map(pairs) => text(&pairs.first()?.1),
            Value::Array(items) => text(items.get(1)?),
            _ => None,
        }
    }

    async fn replication(&self, replicas: u64) -> Option<Finding> {
        const CHECK: &str = "replicas";
        if replicas == 0 {
            return Some(Finding::note(CHECK, "none").advise(
                "when this server is lost, so are all sessions since its last save; Sentinel or \
                 Cluster with a replica keeps the site up",
            ));
        }
        let least = self.config("min-replicas-to-write").await;
        let held = least.as_deref().is_some_and(|least| least != "0");
        Some(match (self.durable, held) {
            (true, _) => Finding::good(CHECK, format!("{replicas}; writes wait for them")),
            (false, true) => {
                let least = least.unwrap_or_default();
                Finding::good(CHECK, format!("{replicas}; without {least} it takes no writes"))
            }
            (false, false) => {
                Finding::warning(CHECK, format!("{replicas}; no write waits for them")).advise(
                    "after a failover the last writes are undone, and a session that was logged \
                     out is live again: set SESSION_REDIS_REPLICAS=1, and in redis.conf \
                     min-replicas-to-write 1 with min-replicas-max-lag 10",
                )
            }
        })
    }
}

fn eviction(
    policy: Option<&str>,
    most: Option<u64>,
    used: Option<u64>,
    evicted: Option<u64>,
) -> Finding {
    const CHECK: &str = "eviction";
    let policy = policy.unwrap_or("unknown");
    let most = most.unwrap_or_default();
    let gone = match evicted.unwrap_or_default() {
        0 => String::new(),
        evicted => format!(", {evicted} keys evicted so far"),
    };
    let mib = |bytes: u64| bytes / (1 << 20);
    let text = match most {
        0 => format!("{policy}, no maxmemory{gone}"),
        most => {
            format!("{policy}, {} of {} MiB used{gone}", mib(used.unwrap_or_default()), mib(most))
        }
    };
    match (policy, most) {
        ("noeviction", 0) | (_, 0) => Finding::note(CHECK, text).advise(
            "set maxmemory below the machine's memory, with maxmemory-policy noeviction: the \
             kernel may otherwise kill the server",
        ),
        ("noeviction", most) if used.unwrap_or_default() > most / 10 * 9 => {
            Finding::warning(CHECK, text)
                .advise("the server is nearly full; when it is, logins and logouts fail (503)")
        }
        ("noeviction", _) => Finding::good(CHECK, text),
        _ => Finding::bad(CHECK, text).advise(
            "set maxmemory-policy noeviction: when memory runs out this server drops live \
             sessions, and their users are logged out without a trace",
        ),
    }
}

fn persistence(append_only: bool, last_save: Option<&str>, unsaved: Option<u64>) -> Finding {
    const CHECK: &str = "persistence";
    if last_save.is_some_and(|status| status != "ok") {
        return Finding::bad(CHECK, "the last save to disk failed").advise(
            "look at the server's log: usually the disk is full. Until it works a restart loses \
             everything since, and the server may refuse writes",
        );
    }
    if append_only {
        return Finding::good(CHECK, "append-only file");
    }
    let unsaved = unsaved.unwrap_or_default();
    Finding::warning(CHECK, format!("snapshots only; {unsaved} changes are on no disk")).advise(
        "set appendonly yes: after a crash sessions return to the last snapshot, logouts undone",
    )
}

fn role(role: Option<&str>) -> Option<Finding> {
    match role? {
        "master" => Some(Finding::good("role", "the master")),
        other => {
            Some(Finding::bad("role", other.to_owned()).advise(
                "give the master's address, or redis+sentinel://: a replica takes no writes",
            ))
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// `TIME`: seconds and microseconds.
fn moment(value: &Value) -> Option<Timestamp> {
    let Value::Array(parts) = value else { return None };
    let part = |at: usize| text(parts.get(at)?)?.parse::<i64>().ok();
    Some(Timestamp::from_millis(part(0)?.checked_mul(1000)?.checked_add(part(1)? / 1000)?))
}

#[cfg(test)]
mod tests {
    use sessile_core::store::Level;

    use super::*;

    #[test]
    fn a_server_that_drops_sessions_is_bad() {
        let mib = |count: u64| Some(count << 20);
        for (policy, most, used, level) in [
            ("allkeys-lru", mib(100), mib(1), Level::Bad),
            ("volatile-ttl", mib(100), mib(1), Level::Bad),
            ("noeviction", mib(100), mib(1), Level::Good),
            ("noeviction", mib(100), mib(95), Level::Warning),
            ("noeviction", Some(0), mib(95), Level::Note),
        ] {
            let finding = eviction(Some(policy), most, used, Some(3));
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.found.contains("3 keys evicted"), "{finding:?}");
        }
    }

    #[test]
    fn what_is_not_on_disk_is_told() {
        assert_eq!(persistence(true, Some("ok"), Some(0)).level, Level::Good);
        assert_eq!(persistence(true, Some("err"), Some(0)).level, Level::Bad);
        assert_eq!(persistence(false, Some("ok"), Some(7)).level, Level::Warning);
        assert_eq!(role(Some("slave")).map(|finding| finding.level), Some(Level::Bad));
    }
}
