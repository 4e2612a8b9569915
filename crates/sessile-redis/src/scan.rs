//! Going through all sessions, in pages of `SCAN`.

use redis::{Value, cmd, pipe};
use sessile_core::store::{Cursor, Page, Record};
use sessile_core::{StoreError, StoreErrorKind, StoreKey};

use crate::entry::{self, Stored};
use crate::fault::{Fault, failed};
use crate::foreign;
use crate::keys::{Names, now};
use crate::link::checked;
use crate::server::{Effect, Server};

/// What a cursor begins with, so that another store's is refused.
const MARK: &[u8; 2] = b"R1";

/// A page of `SCAN`, and what is under its keys. Redis may name a key twice.
pub(crate) async fn scan(
    server: &Server,
    names: &Names,
    foreign: bool,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, StoreError> {
    let cursor = after.map_or(Ok(0), place)?;
    let pattern = glob(names.prefix(), if foreign { "*" } else { "[ht]:*" });
    let mut scan = cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(limit.clamp(10, 1000));
    let answer = server.one(b"", &scan, Effect::Reads).await?;
    let (next, keys) = page(answer)?;
    let mut entries = Vec::with_capacity(keys.len());
    for name in keys {
        let entry = if foreign {
            foreign_entry(server, &name).await?
        } else {
            native_entry(server, names, &name).await?
        };
        entries.extend(entry);
    }
    let next = (next != 0).then(|| Cursor::from_bytes([&MARK[..], &next.to_be_bytes()].concat()));
    Ok(Page { entries, next })
}

async fn native_entry(
    server: &Server,
    names: &Names,
    name: &[u8],
) -> Result<Option<(StoreKey, Record)>, StoreError> {
    let Some(key) = names.key_of(name) else { return Ok(None) };
    let get = cmd("GET").arg(name).take();
    match server.one(name, &get, Effect::Reads).await.map_err(StoreError::from) {
        Ok(Value::BulkString(value)) => Ok(match entry::read(value) {
            Ok(Stored::Live(record, _)) => Some((key, record)),
            // One that cannot be read is nobody's session, and the others still are.
            Ok(Stored::Moved { .. }) | Err(_) => None,
        }),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == StoreErrorKind::BadEntry => Ok(None),
        Err(error) => Err(error),
    }
}

async fn foreign_entry(
    server: &Server,
    name: &[u8],
) -> Result<Option<(StoreKey, Record)>, StoreError> {
    let Ok(text) = std::str::from_utf8(name) else { return Ok(None) };
    let mut both = pipe();
    both.add_command(cmd("GET").arg(name).take());
    both.add_command(cmd("PTTL").arg(name).take());
    let answers = server.several(name, &both, Effect::Reads).await?;
    let Ok([value, left]) = <[Value; 2]>::try_from(answers) else {
        return Err(Fault::Strange.into());
    };
    Ok(match (value, checked(left)?) {
        (Value::BulkString(_), Value::Int(-2)) => None,
        (Value::BulkString(value), Value::Int(left)) => {
            Some((StoreKey::from_text(text), foreign::record(value, left, now()).0))
        }
        // Gone meanwhile, or no string and so no session.
        _ => None,
    })
}

fn place(cursor: &Cursor) -> Result<u64, StoreError> {
    let place = cursor.as_bytes().strip_prefix(MARK).and_then(|place| place.try_into().ok());
    let other = "the cursor is of another kind of store";
    place.map(u64::from_be_bytes).ok_or_else(|| failed(StoreErrorKind::Unsupported, other))
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
