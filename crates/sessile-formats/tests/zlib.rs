//! Compression byte for byte as CPython's `zlib.compress`, and back.

use sessile_formats::zlib::{InflateError, deflate_if_shorter, inflate_capped};

/// Numbers that are the same wherever this is repeated.
fn numbers(mut seed: u64) -> impl Iterator<Item = usize> {
    std::iter::repeat_with(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize
    })
}

fn letters(len: usize, kinds: usize, seed: u64) -> Vec<u8> {
    numbers(seed).take(len).map(|number| b'a' + (number % kinds) as u8).collect()
}

/// Letters as frequent as the Fibonacci numbers, whose best code is too long.
fn skewed() -> Vec<u8> {
    let (mut letters, mut one, mut two) = (Vec::new(), 1, 1);
    for letter in b'a'..b'a' + 18 {
        letters.extend(std::iter::repeat_n(letter, one));
        (one, two) = (two, one + two);
    }
    let mut keyed: Vec<(usize, usize)> = numbers(7).take(letters.len()).zip(0..).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, at)| letters[at]).collect()
}

/// Pieces of one text over and over.
fn copies() -> Vec<u8> {
    let (text, mut numbers) = (letters(300, 26, 9), numbers(5));
    let mut out = Vec::new();
    while out.len() < 12_000 {
        let (at, len) = (numbers.next().unwrap_or(0) % 280, numbers.next().unwrap_or(0) % 17);
        out.extend(text.iter().skip(at).take(3 + len));
    }
    out.truncate(12_000);
    out
}

/// A text like a small session's.
fn session(numbers: &mut impl Iterator<Item = usize>, len: usize) -> Vec<u8> {
    let keys = ["user", "_fresh", "_user_id", "csrf_token", "cart", "number", "lang"];
    let mut number = |below: usize| numbers.next().unwrap_or(0) % below;
    let (mut text, kinds) = (b"{".to_vec(), 3 + number(60));
    while text.len() < len {
        text.extend_from_slice(format!("\"{}\":", keys[number(keys.len())]).as_bytes());
        match number(4) {
            0 => text.extend_from_slice(number(100_000).to_string().as_bytes()),
            1 => text.extend_from_slice(b"true"),
            2 => text.extend((0..number(9)).map(|_| 128 + number(128) as u8)),
            _ => text.extend((0..number(40)).map(|_| b'0' + number(kinds) as u8)),
        }
        text.push(b',');
    }
    text.truncate(len);
    text
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()))
}

#[test]
fn streams_are_those_of_the_c_library() {
    // Lengths and sums of what CPython 3.11 with zlib 1.2.13 and 3.13 with 1.3.1 write.
    let cases: [(Vec<u8>, usize, u32); 5] = [
        (letters(200, 4, 1), 91, 3797746639),
        (letters(9000, 6, 2), 3643, 2618333218),
        (skewed(), 2739, 571159194),
        (copies(), 2745, 2694823400),
        (vec![b'a'; 16_000], 37, 2741756862),
    ];
    for (at, (bytes, len, sum)) in cases.iter().enumerate() {
        let stream = deflate_if_shorter(bytes).unwrap();
        assert_eq!((stream.len(), checksum(&stream)), (*len, *sum), "case {at}");
        assert_eq!(inflate_capped(&stream, bytes.len()).as_ref(), Ok(bytes));
        let short = inflate_capped(&stream, bytes.len() - 1);
        assert_eq!(short, Err(InflateError::TooLarge));
    }
    let short = deflate_if_shorter(br#"{"a":"aaaaaaaaaaaaaaaa"}"#).unwrap();
    assert_eq!(short, b"\x78\x9c\xabVJT\xb2RJD\x03J\xb5\x00a\x45\x08\x2c");
}

#[test]
fn the_streams_of_sessions_and_what_is_left_alone_are_those_of_the_c_library() {
    let (mut numbers, mut made, mut sum) = (numbers(11), 0, 0_u32);
    for round in 0..5000 {
        let text = session(&mut numbers, if round % 10 == 0 { round / 4 } else { round % 160 });
        let stream = deflate_if_shorter(&text);
        made += usize::from(stream.is_some());
        sum = sum.wrapping_mul(31).wrapping_add(checksum(&stream.unwrap_or_default()));
    }
    // As zlib 1.3.1 has it, whose streams are kept if shorter than the text less one.
    assert_eq!((made, sum), (2846, 1815006193));
}

#[test]
fn whatever_is_compressed_comes_back_and_is_shorter_by_two() {
    let mut numbers = numbers(3);
    for round in 0..600 {
        let len = numbers.next().unwrap_or(0) % [30, 100, 2000][round % 3];
        let kinds = 1 + numbers.next().unwrap_or(0) % 60;
        let mut bytes = letters(len, kinds, round as u64 + 1);
        if round % 5 == 0 {
            bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(29));
        }
        if let Some(stream) = deflate_if_shorter(&bytes) {
            assert!(stream.len() + 2 <= bytes.len());
            assert_eq!(inflate_capped(&stream, bytes.len()), Ok(bytes));
        }
    }
}

#[test]
fn what_does_not_shrink_is_left_alone() {
    for bytes in [&b""[..], b"a", br#"{"user_id":42}"#, br#"{"a":"0123456789bcdef","g":1}"#] {
        assert_eq!(deflate_if_shorter(bytes), None);
    }
}

#[test]
fn a_match_from_before_the_start_is_refused_as_by_the_c_library() {
    // Its checksum is that of the zeros which a cleared window would give.
    let stream = b"\x78\x9c\x63\x60\xa0\x87\x00\x00\x00\x66\x00\x01";
    assert_eq!(inflate_capped(stream, 1 << 16), Err(InflateError::Damaged));
}
