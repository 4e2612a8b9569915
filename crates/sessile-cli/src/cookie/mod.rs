//! `sessile cookie`: read, check and write session cookies.

mod format;
mod show;

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use sessile::{KeyRing, SecretKey, Timestamp, Value};
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::Codec as _;

use self::format::{Opened, Reader};
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
    let format = options.reading.how.format;
    let (opened, signature) = if options.unverified {
        check_options(&options.reading.how)?;
        let value = input(options.reading.value.as_deref(), None, "cookie")?;
        (format::unverified(format, &value)?, Signature::NotChecked)
    } else {
        let (opened, key) = open(&options.reading, now)?;
        (opened, Signature::Good(key))
    };
    if options.json {
        return print(&show::everything(format, &opened, signature, now)?);
    }
    print(&show::payload(format, &opened)?)?;
    remark(show::facts(&opened, signature, now));
    Ok(())
}

fn verify(options: &Verify) -> Result<(), Failure> {
    let now = options.reading.now.unwrap_or_else(human::now);
    let (opened, key) = open(&options.reading, now)?;
    print(&format!("{}\n", show::facts(&opened, Signature::Good(key), now)))
}

fn encode(options: &Encode) -> Result<(), Failure> {
    let how = &options.how;
    check_options(how)?;
    let text = input(options.payload.as_deref(), how.key_file.as_deref(), "payload")?;
    let keys = key_ring(how)?;
    if let Err(weak) = SecretKey::new(keys.newest().expose()) {
        remark(format_args!("warning: {weak}"));
    }
    let payload = if how.format == Format::FlaskSessionSid {
        Value::Str(text)
    } else {
        TaggedJson::UNSORTED
            .loads(text.as_bytes())
            .map_err(|error| Failure::usage(format!("the payload is not JSON: {error}")))?
    };
    let now = options.now.unwrap_or_else(human::now);
    let value = Reader::new(how, &keys)?.write(payload, now)?;
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

/// Reads a cookie and finds out which key it was signed with.
fn open(reading: &Reading, now: Timestamp) -> Result<(Opened, WhichKey), Failure> {
    let how = &reading.how;
    check_options(how)?;
    let value = input(reading.value.as_deref(), how.key_file.as_deref(), "cookie")?;
    let keys = key_ring(how)?;
    let max_age = reading.max_age.map(i64::from);
    let mut failure = None;
    let of = keys.iter().count();
    for (at, key) in keys.iter().enumerate() {
        match Reader::new(how, &KeyRing::new(key.clone()))?.read(&value, max_age, now) {
            Ok(opened) => return Ok((opened, WhichKey { place: at + 1, of })),
            // Whoever's signature it bears, its fault is the one to tell.
            Err(fault) if fault.is_signed() => return Err(fault.into()),
            Err(fault) => failure = Some(fault),
        }
    }
    let failure = failure.map_or_else(|| Failure::usage("there is no key"), Failure::from);
    Err(failure.and(hint(how, &value)))
}

/// What a value that no key has signed may be short of.
fn hint(how: &How, value: &str) -> &'static str {
    // Base64 ends with `=`, and where it does the text ends or its signature follows.
    let named = |(_, rest): (&str, &str)| !rest.is_empty() && !rest.starts_with(['=', '.', ':']);
    if value.split_once('=').is_some_and(named) {
        return "; give the value alone, without the cookie's name and what follows the value";
    }
    match how.format {
        Format::Native | Format::NativeEncrypted if how.name.is_none() => {
            "; it is bound to the cookie's name and the application's: see --name and --audience"
        }
        _ => "",
    }
}

/// Options that the format does not know are a mistake, not to be passed over.
fn check_options(how: &How) -> Result<(), Failure> {
    let native = matches!(how.format, Format::Native | Format::NativeEncrypted);
    if !native && (how.name.is_some() || how.audience.is_some()) {
        return Err(Failure::usage("--name and --audience are for the native formats only"));
    }
    let salted = !native && !matches!(how.format, Format::Starlette | Format::FlaskSessionSid);
    if !salted && how.salt.is_some() {
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
