//! A tokio runtime for each process, with the store that was opened in it.
//!
//! A fork has the memory of its parent but none of its threads, and shares its parent's
//! connections. So what was made under another pid is never used again, nor dropped: to end a
//! runtime whose threads are not there would wait for ever.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use pyo3::prelude::*;
use sessile_connect::{ConnectError, StoreChoice, TokioRuntime, connect_store};
use sessile_core::exchange::App;
use sessile_core::{Config, Engine};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::OnceCell;

use crate::failure::{Problem, SessileError};

/// Where sessions are kept, by address.
pub(crate) struct NativeStore {
    config: Config,
    choice: StoreChoice,
    live: ArcSwapOption<Live>,
}

/// What one process has of it.
pub(crate) struct Live {
    pid: u32,
    pub(crate) handle: Handle,
    /// There until it is dropped.
    runtime: Option<Runtime>,
    app: Arc<OnceCell<App>>,
    config: Config,
    choice: StoreChoice,
}

impl NativeStore {
    pub(crate) fn new(config: Config, choice: StoreChoice) -> Self {
        Self { config, choice, live: ArcSwapOption::empty() }
    }

    /// The runtime of this process, made at the first call in it. Nothing is connected yet.
    pub(crate) fn live(&self) -> PyResult<Arc<Live>> {
        let pid = std::process::id();
        let now = self.live.load();
        if let Some(live) = &*now
            && live.pid == pid
        {
            return Ok(live.clone());
        }
        // One thread: what a store does between requests (connections, sweeping) runs there.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sessile")
            .enable_all()
            .build()
            .map_err(|error| SessileError::new_err(format!("no thread for the store: {error}")))?;
        let fresh = Arc::new(Live {
            pid,
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            app: Arc::default(),
            config: self.config.clone(),
            choice: self.choice.clone(),
        });
        let before = self.live.compare_and_swap(&*now, Some(fresh.clone()));
        match &*before {
            // Another thread of this process was first.
            Some(other) if other.pid == pid => Ok(other.clone()),
            _ => Ok(fresh),
        }
    }
}

impl Live {
    /// The application, its store opened by the first who asks. Who comes meanwhile waits; where
    /// it cannot be opened the next one tries again.
    pub(crate) async fn app(&self) -> Result<&App, Problem> {
        let open = || async {
            let store = connect_store(self.choice.clone(), &self.config).await?;
            let engine = Engine::new(self.config.clone()).map_err(ConnectError::Config)?;
            App::new(engine, store, TokioRuntime).map_err(ConnectError::Config)
        };
        let limit = self.config.store_timeout;
        match tokio::time::timeout(limit, self.app.get_or_try_init(open)).await {
            Ok(opened) => opened.map_err(Problem::connect),
            Err(_) => Err(Problem::connect(ConnectError::Store {
                at: String::new(),
                source: format!("no store was opened after {limit:?} (SESSION_STORE_TIMEOUT)")
                    .into(),
            })),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if self.pid == std::process::id() {
            // Whatever still runs ends at its next await; nobody waits for it.
            runtime.shutdown_background();
        } else {
            std::mem::forget((runtime, self.app.clone()));
        }
    }
}
