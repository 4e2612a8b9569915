//! Fields of a form, found without taking the form away from the handler.

mod body;
mod multipart;
mod strict;

use bytes::Bytes;
use futures_core::Stream;
use sessile_core::exchange::{Form, FormFields};

pub use self::body::{Kept, Replay};

/// What was found, and the body as the handler shall read it: every byte, those that were looked
/// at and the rest.
#[derive(Debug)]
pub struct Read<S> {
    /// The fields, or why there are none.
    pub form: Form,
    /// The body.
    pub body: Kept<S>,
}

/// Looks for fields in a request's body, if that is a form by its `Content-Type`. At most `limit`
/// bytes are read and kept, and one chunk more, which is in memory already.
pub async fn read<S, E>(
    content_type: Option<&[u8]>,
    body: S,
    wanted: &FormFields,
    limit: usize,
) -> Read<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let body = Kept::new(body);
    let kind = content_type.map_or(Ok(""), std::str::from_utf8).unwrap_or(NO_TYPE);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let (form, parts) = (
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"),
        essence.eq_ignore_ascii_case("multipart/form-data"),
    );
    let django = matches!(wanted, FormFields::Last(_));
    let fields = match wanted {
        _ if form && !(django && has_other_charset(kind)) => {
            return whole(body, limit, |form| urlencoded(form, wanted)).await;
        }
        FormFields::First(_) if parts => match multer::parse_boundary(kind) {
            Ok(boundary) if (1..=strict::MAX_BOUNDARY).contains(&boundary.len()) => {
                return multipart::read(body, boundary, wanted, limit).await;
            }
            _ => Vec::new(),
        },
        FormFields::First(_) => Vec::new(),
        _ if parts => match strict::boundary(kind) {
            Some(boundary) => {
                return whole(body, limit, |form| strict_multipart(form, boundary, wanted)).await;
            }
            // Werkzeug reads no form without a boundary.
            None if !django && !kind.to_ascii_lowercase().contains("boundary") => Vec::new(),
            None => wanted.of_unclear_form(),
        },
        _ if form || kind == NO_TYPE => wanted.of_unclear_form(),
        _ => Vec::new(),
    };
    Read { form: Form::Fields(fields), body }
}

/// In place of a type that is no text.
const NO_TYPE: &str = "?";

/// Whether the type names an encoding that Django takes for another than UTF-8: `utf8`, too.
fn has_other_charset(kind: &str) -> bool {
    kind.split(';').skip(1).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        name.trim().to_ascii_lowercase().starts_with("charset")
            && !value.eq_ignore_ascii_case("utf-8")
    })
}

type Fields = Vec<(String, String)>;

/// Reads the body to its end, within the limit, and has the form looked through.
async fn whole<S, E>(mut body: Kept<S>, limit: usize, look: impl FnOnce(&[u8]) -> Fields) -> Read<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let form = loop {
        if body.size() > limit {
            break Form::TooLarge;
        }
        match body.next().await {
            None => break Form::Fields(look(&body.join())),
            Some(Err(_)) => break Form::Broken,
            Some(Ok(_)) => {}
        }
    };
    Read { form, body }
}

fn urlencoded(form: &[u8], wanted: &FormFields) -> Fields {
    let mut fields = Vec::new();
    for (name, value) in form_urlencoded::parse(form) {
        if wanted.takes(&name) {
            wanted.keep(&mut fields, name.into_owned(), value.into_owned());
            if wanted.is_first_enough() {
                break;
            }
        }
    }
    fields
}

fn strict_multipart(form: &[u8], boundary: &str, wanted: &FormFields) -> Fields {
    let mut fields = Vec::new();
    match strict::fields(form, boundary) {
        Some(all) => {
            for (name, value) in all.into_iter().filter(|(name, _)| wanted.takes(name)) {
                let value = String::from_utf8_lossy(value).into_owned();
                wanted.keep(&mut fields, name.to_owned(), value);
            }
        }
        // Nothing is a form of nothing for everybody.
        None if form.is_empty() => {}
        None => fields = wanted.of_unclear_form(),
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::body::tests::{Once, joined};
    use super::*;

    #[tokio::test]
    async fn r44_a_body_is_asked_for_no_more_than_it_has() {
        let part = "--XX\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx\r\n";
        let multipart = format!("{part}--XX--\r\n");
        let kinds = [
            ("application/x-www-form-urlencoded", "token=x&a=b"),
            ("multipart/form-data; boundary=XX", &*multipart),
            ("multipart/form-data; boundary=XX", part),
            ("multipart/form-data; boundary=XX", "--XX"),
            ("multipart/form-data; boundary=XX", ""),
            ("text/plain", "token=x"),
        ];
        for (kind, form) in kinds {
            for wanted in [
                FormFields::First("token".into()),
                FormFields::Last("token".into()),
                FormFields::EndingIn("n".into()),
            ] {
                for size in [1, 1000] {
                    let frames = form.as_bytes().chunks(size).map(Bytes::copy_from_slice);
                    // Frames without data among them.
                    let frames = frames.flat_map(|frame| [Bytes::new(), frame]).collect();
                    let body = Once::new(frames);
                    let read = read(Some(kind.as_bytes()), body, &wanted, 1000).await;
                    assert!(matches!(read.form, Form::Fields(_)));
                    assert_eq!(joined(read.body).await, form.as_bytes(), "{kind} {form} {size}");
                }
            }
        }
    }

    #[tokio::test]
    async fn s10_what_is_too_long_is_handed_on_whole() {
        let frames = vec![Bytes::from(vec![b'a'; 700]); 5];
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=XX"] {
            for wanted in [FormFields::First("token".into()), FormFields::Last("token".into())] {
                let body = Once::new(frames.clone());
                let read = read(Some(kind.as_bytes()), body, &wanted, 1000).await;
                assert_eq!(read.form, Form::TooLarge, "{kind} {wanted:?}");
                assert_eq!(joined(read.body).await, frames.concat(), "{kind} {wanted:?}");
            }
        }
    }
}
