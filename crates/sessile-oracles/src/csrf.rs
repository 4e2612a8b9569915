//! Requests as CSRF protection sees them: addresses, tokens, decisions, pages to go on to.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessile::same_site;
use sessile_core::csrf::{django, flask_wtf, is_safe, native};
use sessile_core::{SecretKey, Timestamp, Value};
use url::Url;

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);
const TRUSTED: &str = "https://trusted.example:8443";

/// What is let in was sent by this site or a trusted one, as second, plainer readings of the
/// addresses say, and shows a token that is made of the visitor's own secret.
///
/// Fields of the input, between NULs, are method, `s` for TLS, host, origin, referer,
/// `Sec-Fetch-Site`, secret, the form's token and the header's; `~` alone is an absent one.
pub fn csrf_request(input: &[u8]) {
    decisions(input);
}

/// Whether our rules, Flask-WTF's and Django's let the request in because of a token.
fn decisions(input: &[u8]) -> [bool; 3] {
    let text = String::from_utf8_lossy(input);
    let mut fields = text.split('\0').map(|field| (field != "~").then_some(field));
    let mut next = || fields.next().flatten();
    let seen = Seen {
        method: next().unwrap_or("POST"),
        secure: next() == Some("s"),
        host: next().unwrap_or_default(),
        origin: next(),
        referer: next(),
        fetch_site: next(),
        secret: next(),
        form: next(),
        header: next(),
    };
    for field in text.split('\0') {
        page(field);
    }
    [by_native(&seen), by_flask_wtf(&seen), by_django(&seen)]
}

struct Seen<'a> {
    method: &'a str,
    secure: bool,
    host: &'a str,
    origin: Option<&'a str>,
    referer: Option<&'a str>,
    fetch_site: Option<&'a str>,
    secret: Option<&'a str>,
    form: Option<&'a str>,
    header: Option<&'a str>,
}

fn by_native(seen: &Seen<'_>) -> bool {
    let request = native::Request {
        method: seen.method,
        secure: seen.secure,
        host: seen.host,
        fetch_site: seen.fetch_site,
        origin: seen.origin,
        referer: seen.referer,
    };
    let Ok(strict) = native::Rules::default().trust(TRUSTED) else { unreachable!("an origin") };
    let lax = strict.clone().accept_without_origin().accept_without_token();
    let decided = [&strict, &lax].map(|rules| native::origin(rules, &request));
    let ours = |address: &str| {
        let origin = origin_of(address);
        let scheme = if seen.secure { "https" } else { "http" };
        origin.is_some()
            && (origin == origin_of(&format!("{scheme}://{}", seen.host))
                || origin == origin_of(TRUSTED))
    };
    let elsewhere = matches!(seen.fetch_site, Some("cross-site" | "same-site"));
    for proof in decided.iter().flatten() {
        match proof {
            native::OriginProof::NotNeeded => assert!(is_safe(seen.method)),
            native::OriginProof::Ours => {
                let trusted = seen.origin.is_some_and(|it| origin_of(it) == origin_of(TRUSTED));
                assert!(!elsewhere || trusted, "from elsewhere");
                match (seen.origin, seen.referer) {
                    (Some(origin), _) => assert!(ours(origin), "{origin}"),
                    (None, Some(referer)) => assert!(ours(referer), "{referer}"),
                    (None, None) => {
                        assert!(matches!(seen.fetch_site, Some("same-origin" | "none")));
                    }
                }
            }
            native::OriginProof::Silent => {
                assert!(seen.origin.is_none() && seen.referer.is_none() && !elsewhere);
            }
        }
    }
    assert_ne!(decided[0], Ok(native::OriginProof::Silent));
    // Who is let in by the strict rules is let in by the lax ones.
    assert!(decided[0].is_err() || decided[0] == decided[1]);
    let secret = seen.secret.and_then(native::Secret::read);
    let mine = secret.unwrap_or_else(|| native::Secret::new([7; 32]));
    assert_eq!(mine.to_text().len(), native::SECRET_CHARS);
    let mut let_in = false;
    for token in [seen.form, seen.header].into_iter().flatten() {
        let salt = URL_SAFE_NO_PAD.decode(token).ok();
        let salt = salt.as_deref().and_then(|bytes| bytes.first_chunk::<16>());
        let made = salt.is_some_and(|salt| mine.token(*salt) == token);
        assert_eq!(mine.made(token), made, "{token}");
        let proof = native::OriginProof::Ours;
        assert_eq!(native::token(&strict, proof, Some(&mine), Some(token)).is_ok(), made);
        assert!(native::token(&lax, proof, None, Some(token)).is_err() || token.is_empty());
        let_in |= made && decided[0].is_ok();
    }
    let_in
}

/// Scheme, host in lower case, port: read by a rule of thumb.
fn origin_of(address: &str) -> Option<(bool, String, u16)> {
    let address = address.to_ascii_lowercase();
    let (secure, rest) = match address.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, address.strip_prefix("http://")?),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match colon {
        Some(at) => (&authority[..at], authority[at + 1..].parse().ok()?),
        None => (authority, if secure { 443 } else { 80 }),
    };
    (!host.is_empty()).then(|| (secure, host.to_owned(), port))
}

static TOKENS: LazyLock<Option<[flask_wtf::Tokens; 2]>> = LazyLock::new(|| {
    let tokens = |text: &str| Some(flask_wtf::Tokens::new(&SecretKey::new(text).ok()?));
    Some([tokens(super::KEY)?, tokens("another key, of which nobody knows anything")?])
});

fn by_flask_wtf(seen: &Seen<'_>) -> bool {
    let Some([tokens, others]) = &*TOKENS else { unreachable!("both keys are long enough") };
    let rules = flask_wtf::Rules::default();
    let kept = seen.secret.map(Value::from);
    let mut let_in = false;
    for token in [seen.form, seen.header].into_iter().flatten() {
        let request = flask_wtf::Request {
            method: seen.method,
            host: seen.host,
            secure: seen.secure,
            referer: seen.referer,
            token: Some(token),
            in_session: kept.as_ref(),
        };
        let decided = flask_wtf::decide(&rules, tokens, &request, NOW);
        assert!(rules.checks(seen.method) || decided.is_ok(), "{}", seen.method);
        if decided.is_err() || !rules.checks(seen.method) {
            continue;
        }
        let_in = true;
        // Whoever has not the key made it not, and it is for this session.
        let valid = |tokens: &flask_wtf::Tokens, kept: &Value| {
            tokens.validate(Some(token), Some(kept), rules.time_limit, NOW)
        };
        let Some(kept) = &kept else { unreachable!("no secret") };
        assert_eq!(valid(tokens, kept), Ok(()));
        assert!(valid(others, kept).is_err());
        assert!(valid(tokens, &Value::from("another session's")).is_err());
        if seen.secure {
            let (Some(referer), host) = (seen.referer, seen.host) else {
                unreachable!("no referer")
            };
            let host = host.strip_suffix(":443").unwrap_or(host).to_lowercase();
            assert!(referer.to_lowercase().contains(&host), "{referer} {host}");
        }
    }
    if let Some(made) = kept.as_ref().and_then(|kept| tokens.generate(kept, NOW)) {
        let good = tokens.validate(Some(&made), kept.as_ref(), Some(0), NOW);
        assert!(good.is_ok() || made.len() > flask_wtf::MAX_TOKEN_BYTES || !is_ascii(seen.secret));
        assert!(others.validate(Some(&made), kept.as_ref(), None, NOW).is_err());
    }
    let_in
}

fn is_ascii(text: Option<&str>) -> bool {
    text.is_some_and(str::is_ascii)
}

fn by_django(seen: &Seen<'_>) -> bool {
    let trusted = ["https://pay.example", "https://*.trusted.example"];
    let Ok(mut rules) = django::Rules::default().with_trusted_origins(trusted) else {
        unreachable!("origins")
    };
    rules.allowed_hosts = vec![".shop.example".to_owned(), "[::1]".to_owned()];
    let secret = seen.secret.map_or(django::Secret::Missing, django::Secret::Cookie);
    let request = django::Request {
        method: seen.method,
        host: seen.host,
        port: if seen.secure { "443" } else { "80" },
        secure: seen.secure,
        origin: seen.origin,
        referer: seen.referer,
        secret,
        form_token: seen.form,
        header_token: seen.header,
    };
    if let Some(usable) = django::usable_secret(secret) {
        assert!(is_plain(&usable) && usable.len() == 32);
    }
    if is_safe(seen.method) || django::decide(&rules, &request).is_err() {
        return false;
    }
    let host_is_ours = || {
        let name = seen.host.to_lowercase();
        let name = name.rsplit_once(':').map_or(&*name, |(name, _)| name);
        let name = name.trim_end_matches('.');
        name.ends_with("shop.example") || seen.host.contains("[::1]")
    };
    let known = ["shop.example", "[::1]", "pay.example", "trusted.example"];
    if let Some(origin) = seen.origin {
        let scheme = if seen.secure { "https" } else { "http" };
        let own = format!("{scheme}://{}", seen.host) == origin && host_is_ours();
        let cleaned = clean(origin);
        let site = cleaned.strip_prefix("https://").unwrap_or_default();
        let site = site.split(['/', '?', '#']).next().unwrap_or_default();
        let sub = site == "trusted.example" || site.ends_with(".trusted.example");
        assert!(own || origin == trusted[0] || sub, "{origin}");
    } else if seen.secure {
        let Some(referer) = seen.referer else { unreachable!("no referer") };
        let cleaned = clean(referer);
        let site = cleaned.strip_prefix("https://").unwrap_or_default().to_owned();
        let site = site.split(['/', '?', '#']).next().unwrap_or_default().to_lowercase();
        assert!(known.iter().any(|known| site.contains(known)), "{referer}");
    }
    let form = seen.form.filter(|form| seen.method == "POST" && !form.is_empty());
    let (Some(token), Some(secret)) = (form.or(seen.header), seen.secret) else {
        unreachable!("no token or no secret")
    };
    assert_eq!(unmasked(token), unmasked(secret));
    assert!(unmasked(token).is_some(), "{token}");
    true
}

/// What `urlsplit` leaves out, and the scheme in lower case.
fn clean(address: &str) -> String {
    let kept = address.trim_start_matches(|c: char| c <= ' ');
    let kept: String = kept.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
    match kept.split_once(':') {
        Some((scheme, rest)) => format!("{}:{rest}", scheme.to_ascii_lowercase()),
        None => kept,
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Django's secret, from its bare or its masked form.
fn unmasked(text: &str) -> Option<String> {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    match text.len() {
        32 if is_plain(text) => Some(text.to_owned()),
        64 if is_plain(text) => {
            let (mask, cipher) = text.split_at(32);
            let pairs = mask.chars().zip(cipher.chars());
            let letter = |(mask, cipher): (char, char)| {
                let (mask, cipher) = (LETTERS.find(mask)?, LETTERS.find(cipher)?);
                LETTERS.chars().nth((cipher + 62 - mask) % 62)
            };
            pairs.map(letter).collect()
        }
        _ => None,
    }
}

/// A page to go on to is, to a browser, one of this site.
fn page(text: &str) {
    let (Some(page), Ok(here)) = (same_site(text), Url::parse("https://shop.example/a/b?c")) else {
        return;
    };
    let Ok(there) = here.join(page) else { unreachable!("{page:?} is no address") };
    assert_eq!(there.origin(), here.origin(), "{page:?}");
    assert!(there.username().is_empty() && there.password().is_none(), "{page:?}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn b07_the_corpus_holds_requests_that_each_of_the_rules_lets_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/csrf_request");
        let (mut let_in, mut refused) = ([0; 3], [0; 3]);
        for entry in std::fs::read_dir(folder).unwrap() {
            let input = std::fs::read(entry.unwrap().path()).unwrap();
            for (at, yes) in super::decisions(&input).into_iter().enumerate() {
                let_in[at] += usize::from(yes);
                refused[at] += usize::from(!yes);
            }
        }
        assert!(let_in.iter().chain(&refused).all(|count| *count >= 4), "{let_in:?} {refused:?}");
    }
}
