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

/// And of what it was given so far it gets this part at once.
const GROWTH: usize = 4;

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
        // HTTP/2 has frames without data, as many as one likes.
        if chunk.is_empty() {
            continue;
        }
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
        body: Body::from_stream(Replay {
            kept: taken.kept.into_iter(),
            rest: (!taken.ended).then_some(taken.rest),
        }),
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
    /// The body is at its end, and not to be asked again: it need not bear that.
    ended: bool,
    unread: Option<Unread>,
}

/// Reads a body and keeps what it reads. Clones are the same.
///
/// The parser reads ahead for as long as there is something and searches all it
/// has anew each time. So it gets a piece at a time, none of them small and each a
/// good part of what it has, however the body arrives: work stays in proportion to
/// the form.
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
            ended: false,
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
        let piece = PIECE.max(taken.size / GROWTH).min(taken.limit);
        while !taken.ended && (taken.gathered.is_empty() || taken.gathered.len() < piece) {
            // One frame may go beyond it; it is in memory already.
            if taken.size > taken.limit {
                return taken.stop(Unread::TooLarge);
            }
            match ready!(Pin::new(&mut taken.rest).poll_next(cx)) {
                None => taken.ended = true,
                Some(Err(_)) => return taken.stop(Unread::Broken),
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    taken.size = taken.size.saturating_add(chunk.len());
                    taken.gathered.extend_from_slice(&chunk);
                    taken.kept.push(chunk);
                }
            }
        }
        if taken.gathered.is_empty() {
            return Poll::Ready(None);
        }
        taken.pause = !taken.ended;
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
    rest: Option<BodyDataStream>,
}

impl Stream for Replay {
    type Item = Result<Bytes, axum_core::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = self.kept.next() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let next = ready!(Pin::new(rest).poll_next(cx));
        if next.is_none() {
            self.rest = None;
        }
        Poll::Ready(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames, and a panic for whoever asks again after the end.
    struct Once(std::vec::IntoIter<Bytes>, bool);

    impl Stream for Once {
        type Item = Result<Bytes, std::convert::Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            assert!(!self.1, "polled after its end");
            let next = self.0.next();
            self.1 = next.is_none();
            Poll::Ready(next.map(Ok))
        }
    }

    fn body(frames: Vec<Bytes>) -> Body {
        Body::from_stream(Once(frames.into_iter(), false))
    }

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
            for wanted in [Wanted::First("token"), Wanted::Last("token"), Wanted::EndingIn("n")] {
                for size in [1, 1000] {
                    let frames = form.as_bytes().chunks(size).map(Bytes::copy_from_slice);
                    // Frames without data among them.
                    let frames = frames.flat_map(|frame| [Bytes::new(), frame]).collect();
                    let read = read(&headers(kind), body(frames), wanted, 1000).await;
                    assert_eq!(whole(read.ok().unwrap().body).await, form, "{kind} {form} {size}");
                }
            }
        }
    }

    #[tokio::test]
    async fn inv12_the_work_is_in_proportion_to_the_form() {
        const SIZE: usize = 32 << 20;
        let frames = vec![Bytes::from(vec![b'a'; 16 << 10]); SIZE >> 14];
        let mut tee = Tee::new(body(frames), SIZE);
        let (mut pieces, mut given) = (0, 0);
        loop {
            match std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut tee).poll_next(cx))).await {
                Poll::Ready(Some(piece)) => {
                    pieces += 1;
                    given += piece.unwrap().len();
                }
                Poll::Ready(None) => break,
                Poll::Pending => {}
            }
        }
        assert_eq!(given, SIZE);
        // What the parser has when a piece comes it may search anew each time.
        assert!(pieces < 50, "{pieces} pieces");
    }

    #[tokio::test]
    async fn inv12_frames_without_data_are_not_kept() {
        let mut frames = vec![Bytes::new(); 10_000];
        frames.push(Bytes::from_static(b"--XX--"));
        let tee = Tee::new(body(frames), 100);
        let mut form = Multipart::new(tee.clone(), "XX");
        assert!(matches!(form.next_field().await, Ok(None)));
        drop(form);
        assert_eq!(tee.into_taken().ok().unwrap().kept.len(), 1);
    }
}
