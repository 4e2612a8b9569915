//! Multipart forms, read no further than to the first field that is wanted.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use multer::Multipart;
use sessile_core::exchange::{Form, FormFields};

use super::Read;
use super::body::Kept;

/// The longest value that is read whole, in bytes: longer than every token and every id.
const MAX_VALUE: usize = 4096;

/// The least that the parser is given at a time, in bytes.
const PIECE: usize = 8 << 10;

/// And of what it was given so far it gets this part at once.
const GROWTH: usize = 4;

pub(super) async fn read<S, E>(
    mut body: Kept<S>,
    boundary: String,
    wanted: &FormFields,
    limit: usize,
) -> Read<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let feed = Feed::default();
    let form = Multipart::new(feed.clone(), boundary);
    let mut parsing = pin!(first_fields(form, wanted));
    let form = poll_fn(|cx| {
        loop {
            if let Poll::Ready(fields) = parsing.as_mut().poll(cx) {
                return Poll::Ready(Form::Fields(fields));
            }
            if let Err(stopped) = ready!(feed.fill(&mut body, limit, cx)) {
                return Poll::Ready(stopped);
            }
        }
    })
    .await;
    Read { form, body }
}

/// The first fields that are wanted. A form that breaks off has no further ones; the handler will
/// say so.
async fn first_fields(mut form: Multipart<'_>, wanted: &FormFields) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while let Ok(Some(mut field)) = form.next_field().await {
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
                Err(_) => return fields,
            }
        }
        value.truncate(MAX_VALUE.saturating_add(1));
        wanted.keep(&mut fields, name, String::from_utf8_lossy(&value).into_owned());
        if wanted.is_first_enough() {
            break;
        }
    }
    fields
}

/// Whether a part is a file, which no token is. Names of parameters are the same in both cases,
/// and `filename*` is one too (RFC 8187).
fn is_file(part: &multer::Field<'_>) -> bool {
    let disposition = part.headers().get("content-disposition");
    part.file_name().is_some()
        || disposition.is_some_and(|value| {
            let lower = value.as_bytes().to_ascii_lowercase();
            let parameters = lower.split(|byte| *byte == b';').skip(1);
            parameters.map(<[u8]>::trim_ascii).any(|it| it.starts_with(b"filename"))
        })
}

/// What the parser reads: the body, a piece at a time. Clones are the same.
///
/// The parser reads ahead for as long as there is something and searches all it has anew each
/// time. So the pieces are never small, and each is a good part of what it has, however the body
/// arrives: work stays in proportion to the form. The body itself stays outside of the parser, for
/// not every framework's can be sent to another thread.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<Piece>>);

#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    ended: bool,
}

impl Feed {
    /// A panic while it was held left it whole.
    fn lock(&self) -> MutexGuard<'_, Piece> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next piece ready for the parser, which has asked for it.
    fn fill<S, E>(
        &self,
        body: &mut Kept<S>,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Form>>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut piece = self.lock();
        let enough = PIECE.max(body.size() / GROWTH).min(limit).max(1);
        while !piece.ended && piece.bytes.len() < enough {
            if body.size() > limit {
                // The parser gets what is within the limit, however the body is cut into chunks.
                if piece.bytes.is_empty() {
                    return Poll::Ready(Err(Form::TooLarge));
                }
                break;
            }
            let room = limit - body.size();
            match ready!(body.poll_next(cx)) {
                None => piece.ended = true,
                Some(Err(_)) => return Poll::Ready(Err(Form::Broken)),
                Some(Ok(chunk)) => {
                    piece.bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Feed {
    type Item = Result<Bytes, std::convert::Infallible>;

    /// Pends without a waker once a piece is taken: [`read`] asks the parser again when it has
    /// filled the next.
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut piece = self.lock();
        if !piece.bytes.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut piece.bytes).into())));
        }
        if piece.ended { Poll::Ready(None) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::tests::Once;
    use super::*;

    #[tokio::test]
    async fn inv12_the_work_is_in_proportion_to_the_form() {
        const SIZE: usize = 32 << 20;
        let frames = vec![Bytes::from(vec![b'a'; 16 << 10]); SIZE >> 14];
        let mut body = Kept::new(Once::new(frames));
        let feed = Feed::default();
        let (mut pieces, mut given) = (0, 0);
        while !feed.lock().ended {
            assert!(poll_fn(|cx| feed.fill(&mut body, SIZE, cx)).await.is_ok());
            let piece = std::mem::take(&mut feed.lock().bytes);
            pieces += usize::from(!piece.is_empty());
            given += piece.len();
        }
        assert_eq!(given, SIZE);
        // What the parser has when a piece comes it may search anew each time.
        assert!(pieces < 50, "{pieces} pieces");
    }
}
