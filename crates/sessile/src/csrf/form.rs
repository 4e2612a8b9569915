//! The token in a form, found without taking the form away from the handler.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum_core::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, header};
use multer::Multipart;

/// A token no longer than this is read whole; a longer one is none of anybody's.
const MAX_VALUE: usize = 4096;

/// The least that the parser of multipart forms is given at a time, in bytes.
const PIECE: usize = 8 << 10;

/// Which fields may carry the token, and which of several counts.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// The first of this name. What follows it is not read.
    First(&'a str),
    /// The last of this name, as Django takes it.
    Last(&'a str),
    /// All whose names end so, as Flask-WTF looks for prefixed ones.
    EndingIn(&'a str),
}

impl Wanted<'_> {
    fn takes(self, name: &str) -> bool {
        match self {
            Self::First(wanted) | Self::Last(wanted) => name == wanted,
            Self::EndingIn(end) => name.ends_with(end),
        }
    }

    fn is_enough(self) -> bool {
        matches!(self, Self::First(_))
    }

    /// Keeps what may still count.
    fn keep(self, fields: &mut Vec<(String, String)>, name: String, value: String) {
        if matches!(self, Self::Last(_)) {
            fields.clear();
        }
        fields.push((name, value));
    }
}

/// What was found, and the body as the handler shall read it.
pub(crate) struct Read {
    /// Names and values, in the form's order.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// Why a form was not read to its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The token did not come within the limit.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// Looks for the token in the body, if that is a form. At most `limit` bytes are
/// read and kept; the handler gets every byte, those and the rest.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    wanted: Wanted<'_>,
    limit: usize,
) -> Result<Read, Unread> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return urlencoded(body, wanted, limit).await;
    }
    if essence.eq_ignore_ascii_case("multipart/form-data")
        && let Ok(boundary) = multer::parse_boundary(kind)
    {
        return multipart(body, boundary, wanted, limit).await;
    }
    Ok(Read { fields: Vec::new(), body })
}

async fn urlencoded(body: Body, wanted: Wanted<'_>, limit: usize) -> Result<Read, Unread> {
    let (mut rest, mut kept, mut size) = (body.into_data_stream(), Vec::new(), 0_usize);
    while let Some(chunk) = std::future::poll_fn(|cx| Pin::new(&mut rest).poll_next(cx)).await {
        let chunk: Bytes = chunk.map_err(|_| Unread::Broken)?;
        size = size.saturating_add(chunk.len());
        if size > limit {
            return Err(Unread::TooLarge);
        }
        kept.push(chunk);
    }
    // One chunk, which is what most forms are, is not copied.
    let form = match kept.as_slice() {
        [only] => only.clone(),
        chunks => chunks.concat().into(),
    };
    let mut fields = Vec::new();
    for (name, value) in form_urlencoded::parse(&form) {
        if wanted.takes(&name) {
            wanted.keep(&mut fields, name.into_owned(), value.into_owned());
            if wanted.is_enough() {
                break;
            }
        }
    }
    Ok(Read { fields, body: Body::from(form) })
}

async fn multipart(
    body: Body,
    boundary: String,
    wanted: Wanted<'_>,
    limit: usize,
) -> Result<Read, Unread> {
    let tee = Tee::new(body, limit);
    let mut form = Multipart::new(tee.clone(), boundary);
    let mut fields = Vec::new();
    // A form that breaks off has no further fields; the handler will say so.
    'form: while let Ok(Some(mut field)) = form.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        // A file is no token.
        if field.file_name().is_some() || !wanted.takes(&name) {
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
        if wanted.is_enough() {
            break;
        }
    }
    drop(form);
    let taken = tee.into_taken()?;
    Ok(Read {
        fields,
        body: Body::from_stream(Replay { kept: taken.kept.into_iter(), rest: taken.rest }),
    })
}

/// A body, and what was read of it.
struct Taken {
    kept: Vec<Bytes>,
    rest: BodyDataStream,
    size: usize,
    limit: usize,
    /// Read and not yet given out.
    gathered: Vec<u8>,
    /// Something was just given out: the parser shall look at it before it asks for more.
    pause: bool,
    unread: Option<Unread>,
}

/// Reads a body and keeps what it reads. Clones are the same.
///
/// The parser reads ahead for as long as there is something and searches all it
/// has anew each time. So it gets a piece at a time, none of them small, however
/// the body arrives: work stays in proportion to the form.
#[derive(Clone)]
struct Tee(Arc<Mutex<Option<Taken>>>);

impl Tee {
    fn new(body: Body, limit: usize) -> Self {
        let taken = Taken {
            kept: Vec::new(),
            rest: body.into_data_stream(),
            size: 0,
            limit,
            gathered: Vec::new(),
            pause: false,
            unread: None,
        };
        Self(Arc::new(Mutex::new(Some(taken))))
    }

    fn into_taken(self) -> Result<Taken, Unread> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let taken = taken.ok_or(Unread::Broken)?;
        taken.unread.map_or(Ok(taken), Err)
    }
}

impl Stream for Tee {
    type Item = Result<Bytes, Stopped>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(taken) = guard.as_mut() else { return Poll::Ready(None) };
        if std::mem::take(&mut taken.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = PIECE.min(taken.limit);
        let ended = loop {
            // One frame may go beyond it; it is in memory already.
            if taken.size > taken.limit {
                return taken.stop(Unread::TooLarge);
            }
            match ready!(Pin::new(&mut taken.rest).poll_next(cx)) {
                None => break true,
                Some(Err(_)) => return taken.stop(Unread::Broken),
                Some(Ok(chunk)) => {
                    taken.size = taken.size.saturating_add(chunk.len());
                    taken.gathered.extend_from_slice(&chunk);
                    taken.kept.push(chunk);
                }
            }
            if taken.gathered.len() >= piece {
                break false;
            }
        };
        if taken.gathered.is_empty() {
            return Poll::Ready(None);
        }
        taken.pause = !ended;
        Poll::Ready(Some(Ok(std::mem::take(&mut taken.gathered).into())))
    }
}

impl Taken {
    fn stop<T>(&mut self, why: Unread) -> Poll<Option<Result<T, Stopped>>> {
        self.unread = Some(why);
        Poll::Ready(Some(Err(Stopped)))
    }
}

/// Why no more is read; [`Taken::unread`] says which.
#[derive(Debug)]
struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the form was not read to its end")
    }
}

impl std::error::Error for Stopped {}

/// What was read, then the rest.
struct Replay {
    kept: std::vec::IntoIter<Bytes>,
    rest: BodyDataStream,
}

impl Stream for Replay {
    type Item = Result<Bytes, axum_core::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.kept.next() {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None => Pin::new(&mut self.rest).poll_next(cx),
        }
    }
}
