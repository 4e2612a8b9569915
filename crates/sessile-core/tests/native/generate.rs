//! Values, records and bytes from a small deterministic generator.

use std::time::Duration;

use bytes::Bytes;
use sessile_core::store::Record;
use sessile_core::{DateTime, Map, Subject, Timestamp, Value};
use time::{Date, PrimitiveDateTime, Time, UtcOffset};

/// SplitMix64: every seed gives the same sequence on every machine.
pub(crate) struct Source(pub(crate) u64);

impl Source {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn chance(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// Numbers of every size, the extremes among them.
    pub(crate) fn int(&mut self) -> i64 {
        match self.below(4) {
            0 => self.below(5) as i64 - 2,
            1 => [i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1][self.below(4) as usize],
            _ => self.next() as i64 >> self.below(64),
        }
    }

    pub(crate) fn text(&mut self) -> String {
        let most = if self.below(20) == 0 { 300 } else { 8 };
        let len = self.below(most);
        (0..len)
            .map(|_| ['a', 'Z', '"', '\0', 'é', '€', '𐍈', '\u{10ffff}'][self.below(8) as usize])
            .collect()
    }

    fn lone_surrogates(&mut self) -> Value {
        let mut points: Vec<u32> = self.text().chars().map(u32::from).collect();
        points.extend([0x61, 0xd800 + self.below(0x800) as u32]);
        Value::text_from_code_points(points).unwrap()
    }

    fn big_int(&mut self) -> Value {
        let sign = if self.chance() { "-" } else { "" };
        let zeros = "0".repeat(self.below(40) as usize);
        let text =
            format!("{sign}{}{zeros}", 9_223_372_036_854_775_809_u128 + u128::from(self.next()));
        Value::int_from_decimal(&text).unwrap()
    }

    fn date(&mut self) -> Date {
        let (first, last) = (Date::MIN.to_julian_day(), Date::MAX.to_julian_day());
        match self.below(8) {
            0 => Date::MIN,
            1 => Date::MAX,
            _ => {
                let days = self.below((last - first + 1) as u64) as i32;
                Date::from_julian_day(first + days).unwrap()
            }
        }
    }

    fn time(&mut self) -> Time {
        if self.below(8) == 0 {
            return Time::from_hms_nano(23, 59, 59, 999_999_999).unwrap();
        }
        let nanos = if self.chance() { 0 } else { self.below(1_000_000_000) as u32 };
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        Time::from_hms_nano(hour as u8, minute as u8, second as u8, nanos).unwrap()
    }

    fn offset(&mut self) -> Option<UtcOffset> {
        self.chance().then(|| {
            UtcOffset::from_whole_seconds(self.below(2 * 93_599 + 1) as i32 - 93_599).unwrap()
        })
    }

    fn values(&mut self, depth: u64) -> Vec<Value> {
        (0..self.below(4)).map(|_| self.value(depth)).collect()
    }

    pub(crate) fn value(&mut self, depth: u64) -> Value {
        // Containers come last, so that they can be left out at the bottom.
        match self.below(if depth == 0 { 17 } else { 21 }) {
            0 => Value::Null,
            1 => Value::Bool(self.chance()),
            2 | 3 => Value::Int(self.int()),
            4 => self.big_int(),
            5 => Value::Float(f64::from_bits(self.next())),
            6 => Value::Float([f64::NAN, f64::INFINITY, -0.0, 1.5][self.below(4) as usize]),
            7 | 8 => Value::Str(self.text()),
            9 => self.lone_surrogates(),
            10 => Value::Bytes(self.bytes(200)),
            11 => Value::Markup(self.text()),
            12 => {
                Value::Uuid(self.next().wrapping_mul(3).to_le_bytes().repeat(2).try_into().unwrap())
            }
            13 => Value::DateTime(DateTime {
                at: PrimitiveDateTime::new(self.date(), self.time()),
                offset: self.offset(),
            }),
            14 => Value::Date(self.date()),
            15 => Value::Time(self.time(), self.offset()),
            16 => [Value::TimeDelta(self.int()), Value::Decimal(self.text())]
                [self.below(2) as usize]
                .clone(),
            17 => Value::List(self.values(depth - 1)),
            18 => Value::Tuple(self.values(depth - 1)),
            19 => Value::Set(self.values(depth - 1)),
            _ => Value::Map(self.map(depth - 1)),
        }
    }

    pub(crate) fn map(&mut self, depth: u64) -> Map {
        (0..self.below(5))
            .map(|_| {
                let key =
                    if self.below(4) == 0 { self.value(depth) } else { Value::Str(self.text()) };
                (key, self.value(depth))
            })
            .collect()
    }

    fn moment(&mut self) -> Option<Timestamp> {
        match self.below(4) {
            0 => None,
            1 => Some(Timestamp::from_millis(self.int())),
            _ => Some(Timestamp::from_millis(1_767_323_045_000 + self.below(1 << 36) as i64)),
        }
    }

    pub(crate) fn record(&mut self) -> Record {
        let name = self.text().replace('\0', "-").chars().take(40).collect::<String>();
        Record {
            payload: Bytes::from(self.bytes(80)),
            created: self.moment(),
            seen: self.moment(),
            rotated: self.moment(),
            authenticated: self.moment(),
            idle: self.chance().then(|| Duration::from_millis(self.next() >> (1 + self.below(40)))),
            absolute: self.moment(),
            permanent: self.chance(),
            subject: Subject::new(name),
        }
    }
}
