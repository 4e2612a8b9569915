//! Points at which a handler stops until the script lets it go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::Failure;

/// Named points inside handlers. A script waits until handlers have reached
/// one, does what must come in between, and opens it: no sleeps, no luck.
///
/// Clones share the gates. They work across runtimes.
#[derive(Clone, Default)]
pub struct Gates(Arc<Mutex<HashMap<String, Gate>>>);

#[derive(Clone)]
struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gates {
    fn gate(&self, name: &str) -> Gate {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shut =
            || Gate { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) };
        gates.entry(name.to_owned()).or_insert_with(shut).clone()
    }

    /// For handlers: reports the arrival and stops until the gate is opened.
    /// Goes straight on where there is no name, so that every route can have a gate.
    pub async fn pass(&self, name: Option<&str>) {
        let Some(name) = name else { return };
        let gate = self.gate(name);
        gate.arrived.add_permits(1);
        if let Ok(permit) = gate.open.acquire().await {
            permit.forget();
        }
    }

    /// Waits until `count` handlers stand at the gate.
    ///
    /// # Errors
    ///
    /// Never while the gates live.
    pub async fn reached(&self, name: &str, count: u32) -> Result<(), Failure> {
        match self.gate(name).arrived.acquire_many(count).await {
            Ok(permits) => permits.forget(),
            Err(_) => return Err(Failure(format!("the gate {name} is gone"))),
        }
        Ok(())
    }

    /// Lets `count` handlers pass, now or when they come.
    pub fn open(&self, name: &str, count: usize) {
        self.gate(name).open.add_permits(count);
    }
}
