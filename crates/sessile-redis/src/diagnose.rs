//! What an operator should know: whether the server forgets sessions, and
//! whether what it acknowledged outlasts it.

use redis::{Cmd, Value, cmd, pipe};
use sessile_core::store::Finding;
use sessile_core::{StoreError, Timestamp};

use crate::Options;
use crate::fault::{Fault, NO_RIGHT};
use crate::link::checked;
use crate::node::Node;
use crate::rights::{Rights, text};
use crate::server::Server;

/// What the settings say of it.
pub(crate) struct Diagnosis<'a> {
    pub(crate) server: &'a Server,
    /// For how many replicas writes wait.
    pub(crate) durable: Option<u32>,
    pub(crate) rights: Rights<'a>,
}

impl Diagnosis<'_> {
    pub(crate) fn durable(options: &Options) -> Option<u32> {
        options.durable.map(|durable| durable.replicas)
    }

    /// Of every server that owns keys.
    pub(crate) async fn findings(
        &self,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<Vec<Finding>, StoreError> {
        let (masters, _) = self.server.masters().await?;
        let mut each = Vec::with_capacity(masters.len());
        for node in &masters {
            each.push(self.of(node, clock).await);
        }
        Ok(worst(each))
    }

    async fn ask(&self, node: &Node, command: Cmd) -> Result<Value, StoreError> {
        let mut one = pipe();
        one.add_command(command);
        let answer = self.server.at(node, &one).await?.pop().ok_or(Fault::Strange)?;
        Ok(checked(answer)?)
    }

    async fn of(&self, node: &Node, clock: &(dyn Fn() -> Timestamp + Send + Sync)) -> Vec<Finding> {
        // The first question may have to make a connection.
        if let Err(error) = self.ask(node, cmd("PING")).await {
            return vec![
                Finding::bad("servers", error.to_string())
                    .advise("requests whose session is there get 503 until it answers"),
            ];
        }
        let mut findings = Vec::new();
        findings.extend(match self.ask(node, self.rights.question()).await {
            Ok(answer) => self.rights.finding(&answer),
            Err(error) if error.to_string().contains(NO_RIGHT) => self.rights.no_scripts(),
            // Another fault shows in what is asked below.
            Err(_) => None,
        });
        let before = clock();
        let time = self.ask(node, cmd("TIME")).await;
        let after = clock();
        if let Some(theirs) = time.ok().as_ref().and_then(moment) {
            findings.push(Finding::clock(before, theirs, after));
        }
        let info = match self.ask(node, cmd("INFO")).await.map(|answer| text(&answer)) {
            Ok(Some(info)) => info,
            _ => {
                findings.push(Finding::note("INFO", "the server does not answer it"));
                return findings;
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
            [field("rdb_last_bgsave_status"), field("aof_last_write_status")],
            number("rdb_changes_since_last_save"),
        ));
        findings.extend(role(field("role")));
        let replicas = number("connected_slaves").unwrap_or_default();
        let least = match replicas {
            0 => None,
            _ => self.config(node, "min-replicas-to-write").await,
        };
        findings.push(replication(replicas, self.durable, least.as_deref()));
        findings
    }

    async fn config(&self, node: &Node, name: &str) -> Option<String> {
        let mut command = cmd("CONFIG");
        command.arg("GET").arg(name);
        match self.ask(node, command).await.ok()? {
            Value::Map(pairs) => text(&pairs.first()?.1),
            Value::Array(items) => text(items.get(1)?),
            _ => None,
        }
    }
}

/// Of several servers the worst of each kind, and of how many it is.
fn worst(each: Vec<Vec<Finding>>) -> Vec<Finding> {
    let of = each.len();
    let mut kinds: Vec<Vec<Finding>> = Vec::new();
    for finding in each.into_iter().flatten() {
        match kinds.iter_mut().find(|kind| kind.iter().any(|it| it.check == finding.check)) {
            Some(kind) => kind.push(finding),
            None => kinds.push(vec![finding]),
        }
    }
    let one = |kind: Vec<Finding>| {
        let level = kind.iter().map(|finding| finding.level).max()?;
        let as_bad = kind.iter().filter(|finding| finding.level == level).count();
        let mut found = kind.into_iter().find(|finding| finding.level == level)?;
        if of > 1 {
            found.found = format!("{} ({as_bad} of {of} servers)", found.found);
        }
        Some(found)
    };
    kinds.into_iter().filter_map(one).collect()
}

fn replication(replicas: u64, durable: Option<u32>, least: Option<&str>) -> Finding {
    const CHECK: &str = "replicas";
    let wanted = durable.map(u64::from);
    if let Some(wanted) = wanted.filter(|wanted| replicas < *wanted) {
        return Finding::bad(CHECK, format!("{replicas}, and writes wait for {wanted}")).advise(
            "every login and logout fails (503): connect as many replicas as \
             SESSION_REDIS_REPLICAS says, or lower it",
        );
    }
    if replicas == 0 {
        return Finding::note(CHECK, "none").advise(
            "when this server is lost, so are all sessions since its last save; Sentinel or \
             Cluster with a replica keeps the site up",
        );
    }
    match (wanted, least.filter(|least| *least != "0")) {
        (Some(wanted), _) => Finding::good(CHECK, format!("{replicas}; writes wait for {wanted}")),
        (None, Some(least)) => {
            Finding::good(CHECK, format!("{replicas}; without {least} it takes no writes"))
        }
        (None, None) => Finding::warning(CHECK, format!("{replicas}; no write waits for them"))
            .advise(
                "after a failover the last writes are undone, and a session that was logged out \
                 is live again: set SESSION_REDIS_REPLICAS=1, and in redis.conf \
                 min-replicas-to-write 1 with min-replicas-max-lag 10",
            ),
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

fn persistence(append_only: bool, last: [Option<&str>; 2], unsaved: Option<u64>) -> Finding {
    const CHECK: &str = "persistence";
    if last.into_iter().flatten().any(|status| status != "ok") {
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
        let fine = Some("ok");
        assert_eq!(persistence(true, [fine, fine], Some(0)).level, Level::Good);
        assert_eq!(persistence(true, [Some("err"), fine], Some(0)).level, Level::Bad);
        assert_eq!(persistence(true, [fine, Some("err")], Some(0)).level, Level::Bad);
        assert_eq!(persistence(false, [fine, None], Some(7)).level, Level::Warning);
        assert_eq!(role(Some("slave")).map(|finding| finding.level), Some(Level::Bad));
    }

    #[test]
    fn writes_that_wait_for_more_replicas_than_there_are_are_bad() {
        for (replicas, durable, least, level) in [
            (0, None, None, Level::Note),
            (0, Some(1), None, Level::Bad),
            (1, Some(2), None, Level::Bad),
            (2, Some(2), None, Level::Good),
            (1, None, Some("1"), Level::Good),
            (1, None, Some("0"), Level::Warning),
            (1, None, None, Level::Warning),
        ] {
            assert_eq!(
                replication(replicas, durable, least).level,
                level,
                "{replicas} {durable:?}"
            );
        }
    }

    #[test]
    fn of_several_servers_the_worst_is_told() {
        let fine = || vec![Finding::good("role", "the master"), Finding::good("server", "7.0")];
        let [role, server] = &worst(vec![fine(), vec![Finding::bad("role", "slave")], fine()])[..]
        else {
            panic!()
        };
        assert_eq!((role.level, &*role.found), (Level::Bad, "slave (1 of 3 servers)"));
        assert_eq!((server.level, &*server.found), (Level::Good, "7.0 (2 of 3 servers)"));
        assert_eq!(worst(vec![fine()]), fine());
    }
}
