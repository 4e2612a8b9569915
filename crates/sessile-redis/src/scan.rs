//! Going through all sessions, in pages of `SCAN`.

use redis::{Value, cmd, pipe};
use sessile_core::store::{Cursor, Entry, Layout, Listing, Page};
use sessile_core::{StoreError, StoreErrorKind, StoreKey};

use crate::entry::{self, Stored};
use crate::fault::{Fault, failed, not_a_string};
use crate::foreign::{self, Foreign};
use crate::keys::{Names, now};
use crate::link::checked;
use crate::node::Node;
use crate::server::{Effect, Server};

/// What a cursor begins with, so that another store's is refused.
const MARK: &[u8; 2] = b"R1";

/// Where `SCAN` goes on: at a server of those that the mark stands for.
#[derive(Default)]
struct Place {
    mark: u64,
    node: u16,
    cursor: u64,
}

/// A page of `SCAN` at one server, and what is under its keys.
///
/// When the servers are others than on the page before, keys may have moved
/// from one not seen yet to one that was: it begins anew.
pub(crate) async fn scan(
    server: &Server,
    names: &Names,
    layout: Layout,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, StoreError> {
    let mut at = after.map_or(Ok(Place::default()), place)?;
    let (masters, mark) = server.masters().await?;
    if at.mark != mark {
        at = Place { mark, ..Place::default() };
    }
    let Some(node) = masters.get(usize::from(at.node)) else { return Ok(Page::default()) };
    let prefix = names.prefix();
    let pattern = glob(prefix, if layout.is_foreign() { "*" } else { "[ht]:*" });
    let mut scan = cmd("SCAN");
    scan.arg(at.cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(limit.clamp(10, 1000));
    let mut commands = pipe();
    commands.add_command(scan);
    let answer = server.at(node, &commands).await?.pop().ok_or(Fault::Strange)?;
    let (cursor, keys) = page(checked(answer)?)?;
    let listing = if layout.is_foreign() {
        let names = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
        let names: Vec<&str> = names.filter(|it| layout.is_key(prefix, it)).collect();
        foreign_entries(server, node, &names).await?
    } else {
        native_entries(server, names, node, &keys).await?
    };
    let (node, cursor) = if cursor == 0 { (at.node + 1, 0) } else { (at.node, cursor) };
    let more = usize::from(node) < masters.len();
    Ok(Page::of(listing, more.then(|| kept(&Place { mark, node, cursor }))))
}

async fn native_entries(
    server: &Server,
    names: &Names,
    node: &Node,
    keys: &[Vec<u8>],
) -> Result<Listing, StoreError> {
    if keys.is_empty() {
        return Ok(Listing::default());
    }
    let mut all = pipe();
    for name in keys {
        all.add_command(cmd("GET").arg(name).take());
    }
    let mut listing = Listing::default();
    for (name, value) in keys.iter().zip(server.at(node, &all).await?) {
        let Some(key) = names.key_of(name) else { continue };
        let value = match checked(value) {
            // It is just moving to another server.
            Err(fault) if fault.was_not_done() => {
                let get = cmd("GET").arg(name).take();
                server.one(name, &get, Effect::Reads).await
            }
            value => value,
        };
        let read = match value {
            Ok(Value::BulkString(value)) => entry::read(value),
            Err(fault) if fault.is_wrong_type() => Err(not_a_string()),
            Err(fault) => return Err(fault.into()),
            // Gone meanwhile.
            Ok(_) => continue,
        };
        match read {
            Ok(Stored::Live(record, _)) => listing.push(Ok((key, record))),
            Ok(Stored::Pending(record, _, old)) => {
                if has_moved(server, names, &old, &key).await? {
                    listing.push(Ok((key, record)));
                }
            }
            Ok(Stored::Moved { .. } | Stored::Tombstone { .. }) => {}
            Err(why) => listing.push(Err(why)),
        }
    }
    Ok(listing)
}

/// Whether the old key of a pending entry points to it.
pub(crate) async fn has_moved(
    server: &Server,
    names: &Names,
    old: &StoreKey,
    new: &StoreKey,
) -> Result<bool, StoreError> {
    let name = names.session(old);
    let get = cmd("GET").arg(&name).take();
    Ok(match server.one(name.as_bytes(), &get, Effect::Reads).await? {
        Value::BulkString(value) => match entry::read(value) {
            Ok(Stored::Moved { to, .. } | Stored::Tombstone { to }) => to == *new,
            _ => false,
        },
        _ => false,
    })
}

async fn foreign_entries(
    server: &Server,
    node: &Node,
    names: &[&str],
) -> Result<Listing, StoreError> {
    if names.is_empty() {
        return Ok(Listing::default());
    }
    let mut all = pipe();
    for name in names {
        all.add_command(cmd("GET").arg(name).take());
        all.add_command(cmd("PTTL").arg(name).take());
    }
    let now = now();
    let mut answers = server.at(node, &all).await?.into_iter();
    let mut listing = Listing::default();
    for name in names {
        let (Some(value), Some(left)) = (answers.next(), answers.next()) else {
            return Err(Fault::Strange.into());
        };
        let key = StoreKey::from_text(*name);
        match (checked(value), checked(left)) {
            (Ok(Value::BulkString(_)), Ok(Value::Int(-2))) => {}
            (Ok(Value::BulkString(value)), Ok(Value::Int(left))) => {
                listing.push(Ok((key, foreign::record(value, left, now).0)));
            }
            (Err(fault), _) | (_, Err(fault)) if fault.was_not_done() => {
                match (Foreign { server }).load(&key).await?.0 {
                    Some(Entry::Live(record, _)) => listing.push(Ok((key, record))),
                    Some(Entry::Unreadable(why)) => listing.push(Err(why)),
                    Some(Entry::Moved { .. }) | None => {}
                }
            }
            (Err(fault), _) if fault.is_wrong_type() => listing.push(Err(not_a_string())),
            (Err(fault), _) | (_, Err(fault)) => return Err(fault.into()),
            // Gone meanwhile.
            _ => {}
        }
    }
    Ok(listing)
}

fn kept(place: &Place) -> Cursor {
    let mut bytes = MARK.to_vec();
    bytes.extend(place.mark.to_be_bytes());
    bytes.extend(place.node.to_be_bytes());
    bytes.extend(place.cursor.to_be_bytes());
    Cursor::from_bytes(bytes)
}

fn place(cursor: &Cursor) -> Result<Place, StoreError> {
    let parts = || {
        let rest = cursor.as_bytes().strip_prefix(MARK)?;
        let (mark, rest) = rest.split_first_chunk()?;
        let (node, cursor) = rest.split_first_chunk()?;
        Some(Place {
            mark: u64::from_be_bytes(*mark),
            node: u16::from_be_bytes(*node),
            cursor: u64::from_be_bytes(cursor.try_into().ok()?),
        })
    };
    let other = "the cursor is of another kind of store";
    parts().ok_or_else(|| failed(StoreErrorKind::Unsupported, other))
}

fn page(answer: Value) -> Result<(u64, Vec<Vec<u8>>), StoreError> {
    let strange = || StoreError::from(Fault::Strange);
    let Value::Array(parts) = answer else { return Err(strange()) };
    let Ok([Value::BulkString(next), Value::Array(keys)]) = <[Value; 2]>::try_from(parts) else {
        return Err(strange());
    };
    let next = std::str::from_utf8(&next).ok().and_then(|next| next.parse().ok());
    let keys = keys.into_iter().map(|key| match key {
        Value::BulkString(key) => Ok(key),
        _ => Err(strange()),
    });
    Ok((next.ok_or_else(strange)?, keys.collect::<Result<_, _>>()?))
}

/// A prefix as it is, and a pattern after it.
fn glob(prefix: &str, pattern: &str) -> String {
    let mut glob = String::with_capacity(prefix.len() + pattern.len());
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            glob.push('\\');
        }
        glob.push(character);
    }
    glob + pattern
}
