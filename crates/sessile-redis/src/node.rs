//! The connections to one server.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Options;
use crate::link::Link;
use crate::target::Target;

/// One server: a connection for what is answered at once, and a few for what
/// waits for replicas, since `WAIT` holds up everything sent after it.
pub(crate) struct Node {
    link: Link,
    slow: Vec<Link>,
    next: AtomicUsize,
}

const SLOW_LINKS: usize = 4;

impl Node {
    pub(crate) fn new(options: &Options, target: impl Fn() -> Target) -> Self {
        let slow = if options.durable.is_some() { SLOW_LINKS } else { 0 };
        let open = || Link::new(target(), options.connect_timeout);
        Self { link: open(), slow: (0..slow).map(|_| open()).collect(), next: AtomicUsize::new(0) }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn slow_link(&self) -> &Link {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.slow.get(next % self.slow.len().max(1)).unwrap_or(&self.link)
    }
}
