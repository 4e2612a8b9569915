//! `sessile cookie`: read, check and write session cookies.

mod format;
mod pasted;
mod show;
mod way;

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use sessile::{KeyRing, SecretKey, Timestamp, Value};
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::Codec as _;

use self::format::{Opened, Reader};
use self::way::{Way, is_native, is_salted};
use crate::args::{CookieCommand, Decode, Encode, Format, How, Reading, Verify};
use crate::human;
use crate::keys;
use crate::outcome::{Failure, print, remark};

/// More than any cookie or payload that is read here.
const INPUT_MAX: u64 = 1 << 20;

pub(crate) fn run(command: &CookieCommand) -> Result<(), Failure> {
    match command {
        CookieCommand::Decode(options) => decode(options),
        CookieCommand::Verify(options) => verify(options),
        CookieCommand::Encode(options) => encode(options),
    }
}

fn decode(options: &Decode) -> Result<(), Failure> {
    let now = options.reading.now.unwrap_or_else(human::now);
    let how = &options.reading.how;
    let (found, signature) = if options.unverified {
        check_options(how)?;
        let text = input(options.reading.value.as_deref(), None, "cookie")?;
        (looked_at(how, &text)?, Signature::NotChecked)
    } else {
        let (found, key) = open(&options.reading, now)?;
        (found, Signature::Good(key))
    };
    if options.json {
        return print(&show::everything(&found, signature, now)?);
    }
    print(&show::payload(found.way.format, &found.opened)?)?;
    remark(show::facts(&found, signature, now));
    Ok(())
}

fn verify(options: &Verify) -> Result<(), Failure> {
    let now = options.reading.now.unwrap_or_else(human::now);
    let (found, key) = open(&options.reading, now)?;
    print(&format!("{}\n", show::facts(&found, Signature::Good(key), now)))
}

/// What was found, and how.
struct Found {
    opened: Opened,
    way: Way,
    /// The cookie's name, where it came with the value.
    name: Option<String>,
    /// Whether nobody said that it is this way.
    guessed: bool,
}

fn encode(options: &Encode) -> Result<(), Failure> {
    let how = &options.how;
    let format = how
        .format
        .ok_or_else(|| Failure::usage("which format? Give --format, such as --format flask"))?;
    check_options(how)?;
    let text = input(options.payload.as_deref(), how.key_file.as_deref(), "payload")?;
    let keys = key_ring(how)?;
    if let Err(weak) = SecretKey::new(keys.newest().expose()) {
        remark(format_args!("warning: {weak}"));
    }
    let payload = if format == Format::FlaskSessionSid {
        Value::Str(text)
    } else {
        TaggedJson::UNSORTED
            .loads(text.as_bytes())
            .map_err(|error| Failure::usage(format!("the payload is not JSON: {error}")))?
    };
    let now = options.now.unwrap_or_else(human::now);
    let value = Reader::new(&Way::given(how, format), &keys)?.write(payload, now)?;
    print(&format!("{value}\n"))
}

/// What is known of a signature.
#[derive(Clone, Copy)]
enum Signature {
    NotChecked,
    Good(WhichKey),
}

/// The key that a signature was made with.
#[derive(Clone, Copy)]
struct WhichKey {
    /// From 1, the newest.
    place: usize,
    of: usize,
}

/// Reads a cookie and finds out how it was made, and with which key.
fn open(reading: &Reading, now: Timestamp) -> Result<(Found, WhichKey), Failure> {
    let how = &reading.how;
    check_options(how)?;
    let text = input(reading.value.as_deref(), how.key_file.as_deref(), "cookie")?;
    let keys = key_ring(how)?;
    let max_age = reading.max_age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let values = pasted::values(&text);
    let of = keys.iter().count();
    let mut failure = None;
    for (at, way) in Way::asked(how).into_iter().enumerate() {
        for pasted in &values {
            for (place, key) in keys.iter().enumerate() {
                match way.read(pasted, &KeyRing::new(key.clone()), max_age, now)? {
                    Ok(opened) => {
                        let guessed = how.format.is_none() || at > 0;
                        let name = pasted.name.clone();
                        let key = WhichKey { place: place + 1, of };
                        return Ok((Found { opened, way, name, guessed }, key));
                    }
                    // Whoever's signature it bears, its fault is the one to tell.
                    Err(fault) if fault.is_signed() => return Err(fault.into()),
                    Err(fault) => failure = failure.or(Some(fault)),
                }
            }
        }
    }
    if how.format.is_none() {
        return Err(Failure::refused(
            "no known format and salt fits with these keys: another key made it, or another \
             program; `cookie decode --unverified` shows what it says",
        ));
    }
    let failure = failure.map_or_else(|| Failure::usage("there is no key"), Failure::from);
    let signed = |way: &Way| {
        values.iter().any(|pasted| match way.read(pasted, &keys, None, now) {
            Ok(Ok(_)) => true,
            Ok(Err(fault)) => fault.is_signed(),
            Err(_) => false,
        })
    };
    if let Some(way) = Way::others(how).into_iter().find(signed) {
        let fits = format!("; it was made in another way: give {}", way.options());
        return Err(failure.and(&fits));
    }
    Err(failure.and(hint(how)))
}

/// What a cookie says, whoever wrote it.
fn looked_at(how: &How, text: &str) -> Result<Found, Failure> {
    let mut failure = None;
    for format in way::open_to_all(how) {
        for pasted in pasted::values(text) {
            match format::unverified(format, &pasted.value) {
                Ok(opened) => {
                    let (way, name) = (Way::given(how, format), pasted.name);
                    return Ok(Found { opened, way, name, guessed: how.format.is_none() });
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    Err(failure.unwrap_or_else(|| Failure::usage("there is no cookie in this")))
}

/// What a value that no key has signed may be short of.
fn hint(how: &How) -> &'static str {
    match how.format {
        Some(Format::Native | Format::NativeEncrypted) if how.name.is_none() => {
            "; it is bound to the cookie's name and the application's: see --name and --audience"
        }
        _ => "",
    }
}

/// Options that the format does not know are a mistake, not to be passed over.
fn check_options(how: &How) -> Result<(), Failure> {
    let Some(format) = how.format else { return Ok(()) };
    if !is_native(format) && (how.name.is_some() || how.audience.is_some()) {
        return Err(Failure::usage("--name and --audience are for the native formats only"));
    }
    if !is_salted(format) && how.salt.is_some() {
        return Err(Failure::usage("--salt: this format's salt is fixed"));
    }
    Ok(())
}

/// The keys to use. Weak ones are taken: they may be in use.
fn key_ring(how: &How) -> Result<KeyRing, Failure> {
    let check: keys::Check = |key| SecretKey::allow_weak(key);
    match &how.key_file {
        Some(path) => keys::from_file(path, check),
        None => keys::from_environment(check)?.ok_or_else(|| {
            Failure::usage(
                "no key: set SECRET_KEY or give --key-file (never as an argument); `cookie decode \
                 --unverified` needs none",
            )
        }),
    }
}

/// An argument, or else what stdin holds, without the line's end.
fn input(argument: Option<&str>, key_file: Option<&Path>, what: &str) -> Result<String, Failure> {
    if let Some(text) = argument.filter(|text| *text != "-") {
        return Ok(text.to_owned());
    }
    if key_file == Some(Path::new("-")) {
        return Err(Failure::usage(format!("stdin holds the key: give the {what} as an argument")));
    }
    if io::stdin().is_terminal() {
        remark(format_args!("reading the {what} from the terminal; end it with Ctrl-D"));
    }
    let mut text = String::new();
    io::stdin()
        .take(INPUT_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the {what} from stdin: {error}")))?;
    if text.len() as u64 > INPUT_MAX {
        return Err(Failure::usage(format!("the {what} is over 1 MiB long")));
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    if text.is_empty() {
        return Err(Failure::usage(format!("no {what}: give it as an argument or through stdin")));
    }
    Ok(text)
}
