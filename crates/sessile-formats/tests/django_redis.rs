//! What django-redis makes of a session, and what must not come of a hostile one.

#![cfg(feature = "django-redis")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use sessile_formats::Map;
use sessile_formats::django_redis::{
    CacheError, Compressor, Form, MAX_INFLATED, Serializer, read, write,
};

const COMPRESSORS: [Option<Compressor>; 6] = [
    None,
    Some(Compressor::Zlib),
    Some(Compressor::Gzip),
    Some(Compressor::Lzma),
    Some(Compressor::Lz4),
    Some(Compressor::Zstd),
];
const SERIALIZERS: [Serializer; 3] = [Serializer::Pickle, Serializer::Json, Serializer::MsgPack];

#[test]
fn d18_every_form_is_told_by_its_bytes_and_read() {
    for text in ["", "short", &"long ".repeat(5000)] {
        let session = Map::from_iter([("text", text), ("_auth_user_id", "7")]);
        for (serializer, compressor) in
            SERIALIZERS.into_iter().flat_map(|it| COMPRESSORS.map(|compressor| (it, compressor)))
        {
            let form = Form { serializer, compressor };
            let bytes = write(&session, form).unwrap();
            assert_eq!(Form::of(&bytes), form);
            assert_eq!(read(&bytes).unwrap(), session, "{form:?}");
        }
    }
    for serializer in SERIALIZERS {
        let form = Form { serializer, compressor: None };
        assert_eq!(Form::of(&write(&Map::new(), form).unwrap()), form);
    }
}

#[test]
fn inv12_what_a_compressor_blows_up_is_cut_at_the_limit() {
    let bomb = Map::from_iter([("text", "a".repeat(MAX_INFLATED))]);
    let fits = Map::from_iter([("text", "a".repeat(MAX_INFLATED - 100))]);
    for compressor in COMPRESSORS.into_iter().flatten() {
        let form = Form { compressor: Some(compressor), ..Form::default() };
        let bytes = write(&bomb, form).unwrap();
        assert_eq!(read(&bytes), Err(CacheError::Compressed(compressor)));
        assert_eq!(read(&write(&fits, form).unwrap()).unwrap(), fits);
    }
}

#[test]
fn damaged_bytes_are_refused_and_nothing_panics() {
    let session = Map::from_iter([("text", "some text that is worth it ".repeat(20))]);
    for compressor in COMPRESSORS {
        let bytes = write(&session, Form { compressor, ..Form::default() }).unwrap();
        // The first byte of a pickle is all of an empty mapping in MessagePack.
        for cut in 2..bytes.len() {
            let cut = bytes.get(..cut).unwrap();
            assert!(read(cut).is_err() || read(cut).unwrap() == session);
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                *damaged.get_mut(at).unwrap() ^= 1 << bit;
                let _ = read(&damaged);
            }
        }
    }
    assert_eq!(read(b"\x80\x05K\x01."), Err(CacheError::NoMapping));
}
