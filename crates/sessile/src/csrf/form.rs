//! Fields of a form, found without taking the form away from the handler.

mod strict;
mod tee;

use std::pin::Pin;

use axum_core::body::Body;
use bytes::Bytes;
use futures_core::Stream as _;
use http::{HeaderMap, header};
use multer::Multipart;
use sessile_core::exchange::{Form, FormFields};

use self::tee::Tee;

/// The longest value that is read whole, in bytes: longer than every token and every id.
const MAX_VALUE: usize = 4096;

/// What was found, and the body as the handler shall read it: every byte, those that were looked
/// at and the rest.
pub(crate) struct Read {
    pub(crate) form: Form,
    pub(crate) body: Body,
}

/// Looks for fields in the body, if that is a form. At most `limit` bytes are read and kept.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    wanted: &FormFields,
    limit: usize,
) -> Read {
    let kind = headers.get(header::CONTENT_TYPE).map_or(Ok(""), |value| value.to_str());
    let kind = kind.unwrap_or(NO_TYPE);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let (form, parts) = (
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"),
        essence.eq_ignore_ascii_case("multipart/form-data"),
    );
    let django = matches!(wanted, FormFields::Last(_));
    let fields = match wanted {
        _ if form && !(django && has_other_charset(kind)) => {
            return urlencoded(body, wanted, limit).await;
        }
        FormFields::First(_) if parts => match multer::parse_boundary(kind) {
            Ok(boundary) if (1..=strict::MAX_BOUNDARY).contains(&boundary.len()) => {
                return multipart(body, boundary, wanted, limit).await;
            }
            _ => Vec::new(),
        },
        FormFields::First(_) => Vec::new(),
        _ if parts => match strict::boundary(kind) {
            Some(boundary) => return strict_multipart(body, boundary, wanted, limit).await,
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

/// Whether a part is a file, which no token is. Names of parameters are the same in both cases,
/// and `filename*` is one too (RFC 8187).
fn is_file(part: &multer::Field<'_>) -> bool {
    let disposition = part.headers().get(header::CONTENT_DISPOSITION);
    part.file_name().is_some()
        || disposition.is_some_and(|value| {
            let lower = value.as_bytes().to_ascii_lowercase();
            let parameters = lower.split(|byte| *byte == b';').skip(1);
            parameters.map(<[u8]>::trim_ascii).any(|it| it.starts_with(b"filename"))
        })
}

/// The whole body, or what kept it from being read within the limit.
async fn whole(body: Body, limit: usize) -> Result<Bytes, Read> {
    let (mut rest, mut kept, mut size) = (body.into_data_stream(), Vec::new(), 0_usize);
    while let Some(chunk) = std::future::poll_fn(|cx| Pin::new(&mut rest).poll_next(cx)).await {
        let Ok(chunk) = chunk else {
            return Err(Read { form: Form::Broken, body: Body::empty() });
        };
        // HTTP/2 has frames without data, as many as one likes.
        if chunk.is_empty() {
            continue;
        }
        size = size.saturating_add(chunk.len());
        kept.push(chunk);
        if size > limit {
            return Err(Read { form: Form::TooLarge, body: tee::replay(kept, Some(rest)) });
        }
    }
    // One chunk, which is what most forms are, is not copied.
    Ok(match kept.as_slice() {
        [only] => only.clone(),
        chunks => chunks.concat().into(),
    })
}

async fn urlencoded(body: Body, wanted: &FormFields, limit: usize) -> Read {
    let form = match whole(body, limit).await {
        Ok(form) => form,
        Err(unread) => return unread,
    };
    let mut fields = Vec::new();
    for (name, value) in form_urlencoded::parse(&form) {
        if wanted.takes(&name) {
            wanted.keep(&mut fields, name.into_owned(), value.into_owned());
            if wanted.is_first_enough() {
                break;
            }
        }
    }
    Read { form: Form::Fields(fields), body: Body::from(form) }
}

async fn strict_multipart(body: Body, boundary: &str, wanted: &FormFields, limit: usize) -> Read {
    let form = match whole(body, limit).await {
        Ok(form) => form,
        Err(unread) => return unread,
    };
    let mut fields = Vec::new();
    match strict::fields(&form, boundary) {
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
    Read { form: Form::Fields(fields), body: Body::from(form) }
}

/// Reads no further than to the first field of the name.
async fn multipart(body: Body, boundary: String, wanted: &FormFields, limit: usize) -> Read {
    let tee = Tee::new(body, limit);
    let mut form = Multipart::new(tee.clone(), boundary);
    let mut fields = Vec::new();
    // A form that breaks off has no further fields; the handler will say so.
    'form: while let Ok(Some(mut field)) = form.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        if is_file(&field) || !wanted.takes(&name) {
            continue;
        }
        let mut value = Vec::new();
        loop {
            match field.chunk().await {
                Ok(Some(chunk)) if value.len() <= MAX_VALUE => value.extend_from_slice(&chunk),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => break 'form,
            }
        }
        value.truncate(MAX_VALUE.saturating_add(1));
        wanted.keep(&mut fields, name, String::from_utf8_lossy(&value).into_owned());
        if wanted.is_first_enough() {
            break;
        }
    }
    drop(form);
    let (stopped, body) = tee.into_body();
    Read { form: stopped.unwrap_or(Form::Fields(fields)), body }
}

#[cfg(test)]
mod tests {
    use super::tee::tests::body;
    use super::*;

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, http::HeaderValue::from_static(kind))])
    }

    async fn whole(body: Body) -> Bytes {
        axum::body::to_bytes(body, usize::MAX).await.unwrap()
    }

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
                    let read = read(&headers(kind), body(frames), &wanted, 1000).await;
                    assert!(matches!(read.form, Form::Fields(_)));
                    assert_eq!(whole(read.body).await, form, "{kind} {form} {size}");
                }
            }
        }
    }
}
