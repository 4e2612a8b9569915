//! Payloads are opaque: no byte is special.

use bytes::Bytes;
use sessile_core::SessionStore as _;
use sessile_core::store::{Record, WriteOutcome};

use crate::check::{ensure, live, needs};
use crate::{CaseResult, Failure, Open, Suite, Verdict};

/// Through `create`, `update` and `replace`.
async fn survives<O: Open>(suite: &Suite<O>, payload: Bytes, what: &str) -> Result<(), Failure> {
    let (store, key, new) = (suite.open().await?, suite.key(), suite.key());
    let record = suite.record(payload);
    let created = suite.create(&store, &key, &record).await?;
    suite.same(&live(store.load(&key).await?, what)?.0, &record, what)?;
    let short = Record { payload: "x".into(), ..record.clone() };
    let outcome = store.update(&key, &short, &created).await?;
    let WriteOutcome::Written(second) = outcome else {
        return Err(Failure(format!("{what}: update to a short one answered {outcome:?}")));
    };
    let outcome = store.update(&key, &record, &second).await?;
    let WriteOutcome::Written(third) = outcome else {
        return Err(Failure(format!("{what}: update answered {outcome:?}")));
    };
    suite.same(&live(store.load(&key).await?, what)?.0, &record, what)?;
    let outcome = store.replace(&key, &third, &new, &record, None).await?;
    ensure!(matches!(outcome, WriteOutcome::Written(_)), "{what}: replace answered {outcome:?}");
    suite.same(&live(store.load(&new).await?, what)?.0, &record, what)?;
    store.delete(&new).await?;
    Ok(())
}

/// All 256, alone and together, NUL first and last.
pub async fn every_byte_value_survives<O: Open>(suite: &Suite<O>) -> CaseResult {
    needs!(suite, binary_payloads);
    let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    survives(suite, all.into(), "all byte values").await?;
    for payload in [&b"\0"[..], b"\0\0\0", b"a\0b", b"\xff\xfe", b"\r\nEND\r\n", b"'; --\\%_"] {
        survives(suite, Bytes::from_static(payload), &format!("{payload:?}")).await?;
    }
    Ok(Verdict::Passed)
}

/// Nothing is data too.
pub async fn empty_and_short_payloads_survive<O: Open>(suite: &Suite<O>) -> CaseResult {
    for payload in ["", "0", "null", "''", "{}"] {
        survives(suite, payload.into(), &format!("{payload:?}")).await?;
    }
    Ok(Verdict::Passed)
}

/// Up to the size the store says it takes, around powers of two.
pub async fn a_large_payload_survives<O: Open>(suite: &Suite<O>) -> CaseResult {
    let most = suite.can().max_payload;
    for size in [255, 256, 4095, 4096, 65_535, 65_536, 65_537, most] {
        let byte = |at: usize| b'!' + u8::try_from(at.wrapping_mul(31) % 90).unwrap_or(0);
        let payload: Vec<u8> = (0..size.min(most)).map(byte).collect();
        survives(suite, payload.into(), &format!("{size} bytes")).await?;
    }
    Ok(Verdict::Passed)
}
