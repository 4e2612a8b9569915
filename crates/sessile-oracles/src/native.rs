//! Our own format: maps, records and what a store keeps under a key.

use bytes::Bytes;
use sessile_core::native::{
    decode_entry, decode_map, decode_record, encode_entry, encode_map, encode_record,
};

/// One value has one encoding: what decodes at all encodes to the very bytes it came from, and
/// nothing shorter or longer decodes to it.
pub fn native_record(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    if let Ok(map) = decode_map(input) {
        assert_eq!(encode_map(&map).as_deref(), Ok(input), "another encoding of the same map");
        assert!(decode_map(&input[..input.len() - 1]).is_err(), "decoded though cut");
        assert!(decode_map(&[input, b"\0"].concat()).is_err(), "decoded with something behind it");
    }
    if let Ok(record) = decode_record(bytes.clone()) {
        assert!(record.payload.len() < input.len());
        assert_eq!(encode_record(&record), input, "another encoding of the same record");
    }
    if let Ok(entry) = decode_entry(bytes) {
        assert_eq!(
            encode_entry(&entry).as_deref(),
            Some(input),
            "another encoding of the same entry"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_reaches_behind_each_decoder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/native_record");
        let seed =
            |name: &str| Bytes::from(std::fs::read(format!("{folder}/seed-{name}")).unwrap());
        for name in ["map-login", "map-empty", "map-tags"] {
            decode_map(&seed(name)).unwrap();
        }
        for name in ["record-bare", "record-all"] {
            decode_record(seed(name)).unwrap();
        }
        for name in ["entry-live", "entry-foreign", "entry-moved", "entry-moved-foreign"] {
            decode_entry(seed(name)).unwrap();
        }
    }
}
