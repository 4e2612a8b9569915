//! Dates, UUIDs and the like, as their classes' `__reduce_ex__` say.

use time::{Date, Time, UtcOffset};

use super::numbers;
use super::write::Writer;
use crate::value::DateTime;

const REDUCE: &[u8] = b"R";
const NEWOBJ: &[u8] = &[0x81];

/// A class as it is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    module: &'static str,
    class: &'static str,
    /// Classes written in Python have an interned name, the same object as an equal text.
    interned: bool,
}

const fn native(module: &'static str, class: &'static str) -> Name {
    Name { module, class, interned: false }
}

const DATETIME: Name = native("datetime", "datetime");
const DATE: Name = native("datetime", "date");
const TIME: Name = native("datetime", "time");
const TIMEDELTA: Name = native("datetime", "timedelta");
const TIMEZONE: Name = native("datetime", "timezone");
const DECIMAL: Name = native("decimal", "Decimal");
const UUID: Name = Name { module: "uuid", class: "UUID", interned: true };
const ORDERED_DICT: Name = native("collections", "OrderedDict");
const SAFE_STRING: Name =
    Name { module: "django.utils.safestring", class: "SafeString", interned: true };
const MARKUP: Name = Name { module: "markupsafe", class: "Markup", interned: true };

/// What is one object however often it occurs.
#[derive(Default)]
pub(super) struct Known {
    classes: Vec<(Name, u32)>,
    utc: Option<u32>,
}

impl<'v> Writer<'v> {
    /// The class, or a reference to it.
    fn class(&mut self, name: Name) {
        self.boundary();
        if let Some((_, number)) = self.known.classes.iter().find(|(known, _)| *known == name) {
            let number = *number;
            return self.recall(number);
        }
        self.boundary();
        self.text(name.module.as_bytes());
        self.boundary();
        match name.interned {
            true => self.text(name.class.as_bytes()),
            false => self.fresh_text(name.class.as_bytes()),
        }
        self.put(&[0x93]);
        let number = self.memoize();
        self.known.classes.push((name, number));
    }

    /// Text that is an object of its own.
    fn fresh_text(&mut self, text: &[u8]) {
        self.content(text, [0x8c, b'X', 0x8d]);
        self.memoize();
    }

    fn state(&mut self, bytes: &[u8]) {
        self.boundary();
        self.content(bytes, [b'C', b'B', 0x8e]);
        self.memoize();
    }

    /// The arguments on the stack become a tuple, and the tuple a value.
    fn call(&mut self, tuple: u8, operation: &[u8]) -> u32 {
        self.put(&[tuple]);
        self.memoize();
        self.put(operation);
        self.memoize()
    }

    pub(super) fn datetime(&mut self, at: &DateTime) {
        self.class(DATETIME);
        self.boundary();
        let state: Vec<u8> = day(at.at.date()).into_iter().chain(clock(at.at.time())).collect();
        self.with_zone(&state, at.offset);
    }

    pub(super) fn date(&mut self, date: Date) {
        self.class(DATE);
        self.boundary();
        self.state(&day(date));
        self.call(0x85, REDUCE);
    }

    pub(super) fn time(&mut self, time: Time, offset: Option<UtcOffset>) {
        self.class(TIME);
        self.boundary();
        self.with_zone(&clock(time), offset);
    }

    fn with_zone(&mut self, state: &[u8], offset: Option<UtcOffset>) {
        self.state(state);
        match offset {
            None => self.call(0x85, REDUCE),
            Some(offset) => {
                self.zone(offset);
                self.call(0x86, REDUCE)
            }
        };
    }

    fn zone(&mut self, offset: UtcOffset) {
        self.boundary();
        match self.known.utc {
            Some(number) if offset.is_utc() => return self.recall(number),
            _ => {}
        }
        self.class(TIMEZONE);
        self.boundary();
        self.boundary();
        self.timedelta(i64::from(offset.whole_seconds()) * 1_000_000);
        let number = self.call(0x85, REDUCE);
        // Python has one UTC.
        if offset.is_utc() {
            self.known.utc = Some(number);
        }
    }

    pub(super) fn timedelta(&mut self, micros: i64) {
        const DAY: i64 = 86_400_000_000;
        self.class(TIMEDELTA);
        self.boundary();
        let within = micros.rem_euclid(DAY);
        for part in [micros.div_euclid(DAY), within / 1_000_000, within % 1_000_000] {
            self.boundary();
            self.int(part);
        }
        self.call(0x87, REDUCE);
    }

    pub(super) fn decimal(&mut self, text: &str) {
        self.class(DECIMAL);
        self.boundary();
        self.boundary();
        // `str()` makes a text anew.
        self.fresh_text(text.as_bytes());
        self.call(0x85, REDUCE);
    }

    /// An empty one.
    pub(super) fn ordered_dict(&mut self) {
        self.class(ORDERED_DICT);
        self.boundary();
        self.put(b")");
        self.put(REDUCE);
        self.memoize();
    }

    pub(super) fn safe_string(&mut self, text: &'v str) {
        self.text_of(SAFE_STRING, text);
    }

    pub(super) fn markup(&mut self, text: &'v str) {
        self.text_of(MARKUP, text);
    }

    /// A subclass of `str`.
    fn text_of(&mut self, class: Name, text: &'v str) {
        self.class(class);
        self.boundary();
        self.boundary();
        match text.is_empty() {
            true => self.text(text.as_bytes()),
            false => self.fresh_text(text.as_bytes()),
        }
        self.call(0x85, NEWOBJ);
    }

    pub(super) fn uuid(&mut self, bytes: &[u8; 16]) {
        self.class(UUID);
        self.boundary();
        self.put(b")");
        self.put(NEWOBJ);
        self.memoize();
        self.boundary();
        self.put(b"}");
        self.memoize();
        self.boundary();
        self.text(b"int");
        self.boundary();
        let number = u128::from_be_bytes(*bytes);
        match i64::try_from(number) {
            Ok(small) => self.int(small),
            Err(_) => {
                let mut long = number.to_le_bytes().to_vec();
                long.push(0);
                self.long(numbers::shortest(&long));
            }
        }
        self.put(b"sb");
    }
}

fn day(date: Date) -> [u8; 4] {
    // Years of values lie between 1 and 9999.
    let [high, low] = u16::try_from(date.year()).unwrap_or_default().to_be_bytes();
    [high, low, u8::from(date.month()), date.day()]
}

fn clock(time: Time) -> [u8; 6] {
    let (hour, minute, second, micros) = time.as_hms_micro();
    let [_, high, middle, low] = micros.to_be_bytes();
    [hour, minute, second, high, middle, low]
}
