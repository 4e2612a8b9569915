//! Going through all sessions. A list of Memcached's keys is in no order, has no
//! place to go on from, and is made whole or not at all.
//!
//! So sessions are gone through in the order of their handles, which are hashes
//! of their keys: of a list those after the cursor are picked, of these the
//! first [`KEPT`], and pages are served from them until they are used up. Then
//! the servers are asked for the list again. Of n sessions that is a list for
//! each [`KEPT`] begun, and never more than that in memory. A cursor is a
//! handle, so that it opens nothing, and is good whatever becomes of the
//! servers and of this process.

use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sessile_core::store::{Cursor, Listing, Page};
use sessile_core::{Handle, StoreError, StoreErrorKind, StoreKey};

use crate::fault::{Fault, STORE};
use crate::keys::WireKey;
use crate::store::{Items, Servers};

/// What a cursor begins with, so that another store's is refused.
const MARK: &str = "M1";

/// Keys remembered of a list: some 10 MB.
const KEPT: usize = 1 << 16;

/// Values loaded in one trip.
const AT_ONCE: usize = 64;

/// The last list, as far as it is remembered.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Option<Arc<List>>>);

/// Of the sessions after a place the first ones, in order.
struct List {
    asked: Instant,
    after: Option<Handle>,
    found: Vec<Found>,
    /// Whether there are others after them.
    more: bool,
}

/// Ordered by its handle.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    handle: Handle,
    key: StoreKey,
}

impl List {
    /// Those after `place`, if this list says which they are.
    fn after(&self, place: Option<Handle>) -> Option<&[Found]> {
        let from = self.found.partition_point(|it| Some(it.handle) <= place);
        let rest = self.found.get(from..).unwrap_or_default();
        let known = self.after <= place && !(rest.is_empty() && self.more);
        known.then_some(rest)
    }
}

impl Remembered {
    fn get(&self) -> Option<Arc<List>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A list that was asked for later knows better.
    fn put(&self, list: &Arc<List>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|kept| kept.asked < list.asked) {
            *kept = Some(Arc::clone(list));
        }
    }

    fn forget(&self, list: &Arc<List>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|kept| Arc::ptr_eq(kept, list));
    }
}

/// A page of the sessions after a cursor.
pub(crate) async fn scan(
    servers: &Servers,
    items: &Items,
    remembered: &Remembered,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, StoreError> {
    let after = after.map(place).transpose()?;
    // Who begins is shown what is there now.
    let kept = remembered.get().filter(|list| after.is_some() && list.after(after).is_some());
    let list = match kept {
        Some(list) => list,
        None => {
            let list = Arc::new(listed(servers, items, after, KEPT).await?);
            remembered.put(&list);
            list
        }
    };
    let rest = list.after(after).unwrap_or_default();
    let page = rest.get(..limit.clamp(1, 1000)).unwrap_or(rest);
    let listing = loaded(servers, items, page).await?;
    let last = page.last().filter(|_| list.more || page.len() < rest.len());
    if last.is_none() {
        remembered.forget(&list);
    }
    Ok(Page::of(listing, last.map(|last| cursor(last.handle))))
}

/// The first `most` sessions after a place, as the servers list them now.
async fn listed(
    servers: &Servers,
    items: &Items,
    after: Option<Handle>,
    most: usize,
) -> Result<List, StoreError> {
    let asked = Instant::now();
    let (mut first, mut more) = (BinaryHeap::new(), false);
    for (at, server) in servers.all().enumerate() {
        let each = |name: &[u8]| {
            let Some(name) = WireKey::told(name) else { return };
            // On another server nobody would find it.
            if servers.place(&name) != at {
                return;
            }
            let Some(key) = items.key_of(&name) else { return };
            let handle = key.handle();
            if Some(handle) <= after {
                return;
            }
            if first.len() >= most {
                more = true;
                if first.peek().is_none_or(|last: &Found| last.handle <= handle) {
                    return;
                }
                first.pop();
            }
            first.push(Found { handle, key });
        };
        server.list(each).await.map_err(|fault: Fault| fault.at(&server.name()))?;
    }
    let mut found = first.into_sorted_vec();
    found.dedup();
    Ok(List { asked, after, found, more })
}

/// What is under keys, where there is a session still.
async fn loaded(servers: &Servers, items: &Items, page: &[Found]) -> Result<Listing, StoreError> {
    let mut named = Vec::with_capacity(page.len());
    for found in page {
        // It was listed, so it is a name.
        let Some(name) = items.name(&found.key) else { continue };
        named.push((servers.place(&name), name, &found.key));
    }
    named.sort_by_key(|(at, ..)| *at);
    let mut listing = Listing::default();
    for (at, server) in servers.all().enumerate() {
        let from = named.partition_point(|(other, ..)| *other < at);
        let to = named.partition_point(|(other, ..)| *other <= at);
        for some in named.get(from..to).unwrap_or_default().chunks(AT_ONCE) {
            let names: Vec<_> = some.iter().map(|(_, name, _)| name.clone()).collect();
            let values = server.get_each(&names).await;
            let values = values.map_err(|fault: Fault| fault.at(&server.name()))?;
            for ((.., key), item) in some.iter().zip(values) {
                match item.map(|item| items.record(item)).transpose() {
                    Ok(Some(Some(record))) => listing.push(Ok(((*key).clone(), record))),
                    // Gone meanwhile, or a pointer.
                    Ok(Some(None) | None) => {}
                    Err(why) => listing.push(Err(why)),
                }
            }
        }
    }
    Ok(listing)
}

fn cursor(handle: Handle) -> Cursor {
    Cursor::from_bytes(format!("{MARK}{handle}").into_bytes())
}

fn place(cursor: &Cursor) -> Result<Handle, StoreError> {
    let text = std::str::from_utf8(cursor.as_bytes()).ok();
    let place = text.and_then(|text| text.strip_prefix(MARK)?.parse().ok());
    place.ok_or_else(|| {
        StoreError::new(STORE, StoreErrorKind::Unsupported)
            .because("the cursor is of another kind of store")
    })
}
