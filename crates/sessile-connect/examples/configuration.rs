//! Makes the tables of settings in a document anew: `configuration FILE` compares them with the
//! code's, `configuration FILE --write` writes them.
//!
//! `cargo xtask configuration` runs it over `docs/configuration.md`. A table goes between
//! `<!-- settings: SECTION -->` and `<!-- end -->`, the names of an original between
//! `<!-- names: ORIGINAL -->` and `<!-- end -->`; all else stays as it is.

use sessile_connect::{CsrfProfile, Setting, Settings};
use sessile_core::Profile;

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: configuration FILE [--write]")?;
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let document = std::fs::read_to_string(&path).map_err(failed)?;
    let made = filled(&document)?;
    match arguments.next().as_deref() {
        Some("--write") => std::fs::write(&path, made).map_err(failed),
        None if made == document => Ok(()),
        _ => Err(format!("{path} does not say what the tables of settings say")),
    }
}

fn all() -> impl Iterator<Item = &'static Setting> {
    Settings::known().iter().chain(Settings::known_csrf())
}

/// The document with its regions made anew. Each section has one.
pub(crate) fn filled(document: &str) -> Result<String, String> {
    let (mut text, mut rest, mut shown) = (String::new(), document, Vec::new());
    while let Some((before, begun)) = rest.split_once("<!-- ") {
        let parts = begun.split_once(" -->\n").and_then(|(mark, after)| {
            let (_, after) = after.split_once("<!-- end -->\n")?;
            Some((mark, mark.split_once(": ")?, after))
        });
        let (mark, (kind, of), after) = parts.ok_or("a region has no name or no end")?;
        let made = match kind {
            "settings" => table(of),
            "names" => names(of),
            _ => String::new(),
        };
        if made.is_empty() || shown.contains(&mark) {
            return Err(format!("nothing stands under {mark:?}, or it stands there twice"));
        }
        shown.push(mark);
        text.push_str(&format!("{before}<!-- {mark} -->\n{made}<!-- end -->\n"));
        rest = after;
    }
    let missing = |row: &&Setting| !shown.contains(&format!("settings: {}", row.section).as_str());
    match all().find(missing) {
        Some(row) => Err(format!("no region for the settings under {:?}", row.section)),
        None => Ok(text + rest),
    }
}

fn table(section: &str) -> String {
    let rows = all().filter(|row| row.section == section).map(|row| {
        let (name, takes, meaning, from) = (row.name, row.takes, row.meaning(), row.from);
        format!("| `{name}` | {} | {takes} | {meaning} | {from} |\n", defaults(row))
    });
    let rows: String = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    format!("| setting | default | takes | meaning | from |\n|---|---|---|---|---|\n{rows}")
}

/// The settings that an original has, too.
fn names(original: &str) -> String {
    let theirs = |from: &str| {
        let mut parts = from.split(", ").filter_map(|part| part.split(' ').next());
        parts.any(|part| part == original)
    };
    let names: Vec<_> = all().filter(|row| theirs(row.from)).map(|row| row.name).collect();
    if names.is_empty() { String::new() } else { format!("`{}`\n", names.join("`, `")) }
}

/// One default for all profiles, or which of them have which; the others refuse the setting.
fn defaults(row: &Setting) -> String {
    use {CsrfProfile as C, Profile as P};
    let sessions = [P::Native, P::Flask, P::FlaskSession, P::Django, P::Starlette]
        .map(|profile| (name(profile), row.default_in(profile)));
    let csrf = [C::Native, C::FlaskWtf, C::Django]
        .map(|profile| (profile.as_str(), row.csrf_default_in(profile)));
    let is_csrf = csrf.iter().any(|(_, default)| default.is_some());
    let profiles = if is_csrf { &csrf[..] } else { &sessions[..] };
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (profile, default) in profiles {
        let Some(default) = default else { continue };
        match groups.iter_mut().find(|(known, _)| known == default) {
            Some((_, alike)) => alike.push(profile),
            None => groups.push((default, vec![profile])),
        }
    }
    let everywhere = groups.iter().map(|(_, alike)| alike.len()).sum::<usize>() == profiles.len();
    let most = groups.iter().map(|(_, alike)| alike.len()).max().unwrap_or_default();
    let shown = groups.iter().map(|(default, alike)| {
        let default = match *default {
            "not set" | "needed" => (*default).to_owned(),
            value => format!("`{value}`"),
        };
        match alike.len() {
            count if count == profiles.len() => default,
            count if everywhere && count == most && count > 1 => format!("others: {default}"),
            _ => format!("{}: {default}", alike.join(", ")),
        }
    });
    let mut shown: Vec<_> = shown.collect();
    // "others" comes last.
    shown.sort_by_key(|group| group.starts_with("others"));
    shown.join("; ")
}

fn name(profile: Profile) -> &'static str {
    match profile {
        Profile::Native => "native",
        Profile::Flask => "flask",
        Profile::FlaskSession => "flask_session",
        Profile::Django => "django",
        Profile::Starlette => "starlette",
    }
}
