//! Three masters and three replicas that share the 16384 slots of Redis Cluster.

use std::time::Duration;

use crate::error::Error;
use crate::folder::Folder;
use crate::process::{self, wait_until};
use crate::redis::resp::{Reply, info_field};
use crate::redis::{Redis, RedisOptions, plan};
use crate::server::{client, on_a_free_port};
use crate::tls::Certificates;

const MASTERS: usize = 3;
const NODES: usize = 6;
const RANGES: [(&str, &str); MASTERS] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// A cluster of three masters with a replica each.
#[derive(Debug)]
pub struct RedisCluster {
    /// The nodes: at the start the first three are masters, and node `n + 3` follows node `n`.
    pub nodes: Vec<Redis>,
    /// What the nodes present where they speak TLS, and where that lies.
    tls: Option<(Certificates, Folder)>,
}

impl RedisCluster {
    /// Starts the nodes, gives out the slots and waits until every node calls the cluster whole.
    ///
    /// # Errors
    /// When Redis is not installed, does not start, or the nodes find no agreement.
    pub fn start(options: RedisOptions) -> Result<Self, Error> {
        let tls = if options.tls {
            let folder = Folder::new("certificates")?;
            Some((Certificates::make(&folder)?, folder))
        } else {
            None
        };
        let certificates = tls.as_ref().map(|(certificates, _)| certificates);
        let nodes =
            (0..NODES).map(|_| node(&options, certificates)).collect::<Result<Vec<_>, _>>()?;
        let cluster = Self { nodes, tls };
        cluster.join()?;
        cluster.wait_until_whole()?;
        Ok(cluster)
    }

    /// `redis+cluster://HOST:PORT,HOST:PORT,…` of all six nodes.
    pub fn url(&self) -> String {
        self.url_of("redis", |node| node.port())
    }

    /// `rediss+cluster://HOST:PORT,HOST:PORT,…`, and the certificates that the nodes present.
    pub fn tls(&self) -> Option<(String, &Certificates)> {
        let (certificates, _) = self.tls.as_ref()?;
        Some((self.url_of("rediss", |node| node.cluster_port()), certificates))
    }

    fn url_of(&self, scheme: &str, port: impl Fn(&Redis) -> u16) -> String {
        let host = |node| format!("127.0.0.1:{}", port(node));
        let hosts: Vec<String> = self.nodes.iter().map(host).collect();
        let password = self.nodes.first().and_then(|it| it.password.as_ref());
        let credentials = password.map_or_else(String::new, |it| format!(":{it}@"));
        format!("{scheme}+cluster://{credentials}{}", hosts.join(","))
    }

    /// Waits until every node that runs calls the cluster whole and every replica follows.
    ///
    /// # Errors
    /// When that has not come about after 30 seconds.
    pub fn wait_until_whole(&self) -> Result<(), Error> {
        let running = || self.nodes.iter().filter(|it| it.is_running());
        if wait_until(Duration::from_secs(30), || running().all(is_whole)) {
            return Ok(());
        }
        let logs: Vec<String> = running().map(|it| it.log()).collect();
        Err(Error::new(format!("the cluster does not become whole:\n{}", logs.join("\n"))))
    }

    /// The node ids, in the order of `nodes`.
    ///
    /// # Errors
    /// When a node does not answer.
    pub fn ids(&self) -> Result<Vec<String>, Error> {
        let id = |node: &Redis| {
            let reply = node.command(&["CLUSTER", "MYID"])?;
            Ok(reply.text().unwrap_or_default().to_owned())
        };
        self.nodes.iter().map(id).collect()
    }

    /// Moves so many slots, with their keys, from one master to another; takes as long as it takes.
    ///
    /// # Errors
    /// When `redis-cli` is missing or refuses.
    pub fn reshard(&self, from: usize, to: usize, slots: u32) -> Result<(), Error> {
        let program = process::need("redis-cli", "redis-tools")?;
        let ids = self.ids()?;
        let none = || Error::new("there is no such node");
        let (from, to) = (ids.get(from).ok_or_else(none)?, ids.get(to).ok_or_else(none)?);
        let address = self.nodes.first().ok_or_else(none)?.address().to_string();
        // After an earlier move the nodes take a while to agree, and are refused until then.
        let check = ["--cluster", "check", &address];
        if !wait_until(Duration::from_secs(30), || client(&program, &check).is_ok()) {
            return Err(Error::new("the nodes of the cluster do not agree about it"));
        }
        let slots = slots.to_string();
        let fixed = ["--cluster", "reshard", &address, "--cluster-yes", "--cluster-slots", &slots];
        let moved = ["--cluster-from", from, "--cluster-to", to];
        client(&program, &[&fixed[..], &moved].concat()).map(|_| ())
    }

    /// Makes strangers a cluster. `redis-cli --cluster create` does the same and takes longer.
    fn join(&self) -> Result<(), Error> {
        let ids = self.ids()?;
        for (index, (node, (first, last))) in self.nodes.iter().zip(RANGES).enumerate() {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last])?;
            // Masters with epochs of their own never quarrel over slots.
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &index.saturating_add(1).to_string()])?;
        }
        for node in &self.nodes {
            for other in &self.nodes {
                let (port, bus) = (other.cluster_port().to_string(), bus_port(other)?);
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus])?;
            }
        }
        let known = |node: &Redis| {
            let reply = node.command(&["CLUSTER", "NODES"]);
            let text = reply.as_ref().ok().and_then(Reply::text).unwrap_or_default();
            ids.iter().all(|id| text.contains(id.as_str()))
        };
        if !wait_until(Duration::from_secs(30), || self.nodes.iter().all(known)) {
            return Err(Error::new("the nodes of the cluster do not find each other"));
        }
        for (node, master) in self.nodes.iter().skip(MASTERS).zip(&ids) {
            node.command(&["CLUSTER", "REPLICATE", master])?;
        }
        Ok(())
    }
}

/// Whether a node calls the cluster whole and, being a replica, follows its master.
fn is_whole(node: &Redis) -> bool {
    let text = |words: &[&str]| {
        let reply = node.command(words).ok();
        reply.as_ref().and_then(Reply::text).unwrap_or_default().to_owned()
    };
    let (cluster, replication) = (text(&["CLUSTER", "INFO"]), text(&["INFO", "replication"]));
    info_field(&cluster, "cluster_state") == Some("ok")
        && info_field(&cluster, "cluster_size") == Some("3")
        && matches!(info_field(&replication, "master_link_status"), None | Some("up"))
}

fn node(options: &RedisOptions, certificates: Option<&Certificates>) -> Result<Redis, Error> {
    let mut tls = None;
    let server = on_a_free_port(|port| {
        let folder = Folder::new("cluster")?;
        let mut options = options.clone();
        options.more.extend([
            "cluster-enabled yes".to_owned(),
            format!("cluster-port {}", crate::free_port()?),
            "cluster-node-timeout 2000".to_owned(),
        ]);
        tls = match certificates {
            Some(certificates) => Some((crate::free_port()?, certificates.clone())),
            None => None,
        };
        if tls.is_some() {
            // Among each other, too: else they name their plain ports to everybody.
            options.more.extend(["tls-cluster yes", "tls-replication yes"].map(str::to_owned));
        }
        plan(port, folder, "Redis Cluster node", &options, tls.as_ref())
    })?;
    Ok(Redis { server, password: options.password.clone(), tls })
}

fn bus_port(node: &Redis) -> Result<String, Error> {
    let reply = node.command(&["CONFIG", "GET", "cluster-port"])?;
    let port = reply.row().get(1).and_then(Reply::text);
    port.map(str::to_owned)
        .ok_or_else(|| Error::new("this Redis has no cluster-port: 7.0 or newer is needed"))
}
