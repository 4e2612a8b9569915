//! Making connections, to a server or to a pooler before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::cancel;
use super::fault::takes_no_options;

type Connected<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// Makes connections as the pool needs them.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    tls: MakeRustlsConnect,
    /// Where it leads.
    config: Config,
    /// What the server is asked to do at the start of a connection, where it is a server: bounds
    /// and isolation. Nothing depends on it.
    asked: String,
    /// Set when a pooler refuses to be asked. To `SET` it afterwards would be worse: a pooler
    /// hands a connection so changed to other applications.
    is_refused: AtomicBool,
}

impl Connector {
    pub(super) fn new(tls: MakeRustlsConnect, config: Config, limit: Duration) -> Self {
        // The server gives up too, so that nothing goes on that nobody waits for. And a write
        // that another overtakes is to say so by the rows it changes.
        let asked = format!(
            "-c statement_timeout={} -c default_transaction_isolation=read\\ committed",
            limit.as_millis().max(1)
        );
        Self(Arc::new(Inner { tls, config, asked, is_refused: AtomicBool::new(false) }))
    }

    /// Whether something between us and the server has shown itself.
    pub(super) fn met_a_pooler(&self) -> bool {
        self.0.is_refused.load(Ordering::Relaxed)
    }

    /// Asks for the end of what runs on a connection. A pooler passes it on.
    pub(super) async fn cancel(&self, token: &CancelToken) {
        cancel(token, self.0.tls.clone(), &self.0.config).await;
    }

    async fn once(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = config.connect(self.0.tls.clone()).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %super::fault::said(&error), "a connection ended");
            }
        });
        Ok((client, task))
    }
}

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connected<'_> {
        let config = config.clone();
        Box::pin(async move {
            if self.met_a_pooler() {
                return self.once(&config).await;
            }
            let mut asking = config.clone();
            let given = config.get_options().map(|given| format!("{given} {}", self.0.asked));
            asking.options(given.unwrap_or_else(|| self.0.asked.clone()));
            match self.once(&asking).await {
                Err(error) if takes_no_options(&error) => {
                    // With options of the address's own it says so again.
                    let made = self.once(&config).await?;
                    self.0.is_refused.store(true, Ordering::Relaxed);
                    Ok(made)
                }
                made => made,
            }
        })
    }
}
