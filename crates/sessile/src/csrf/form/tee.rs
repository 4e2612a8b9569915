//! A body that is read twice: in search of a token, and by the handler.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum_core::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_core::Stream;
use sessile_core::exchange::Form;

/// The least that the parser of multipart forms is given at a time, in bytes.
const PIECE: usize = 8 << 10;

/// And of what it was given so far it gets this part at once.
const GROWTH: usize = 4;

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
    stopped: Option<Form>,
}

/// Reads a body and keeps what it reads. Clones are the same.
///
/// The parser reads ahead for as long as there is something and searches all it
/// has anew each time. So it gets a piece at a time, none of them small and each a
/// good part of what it has, however the body arrives: work stays in proportion to
/// the form.
#[derive(Clone)]
pub(super) struct Tee(Arc<Mutex<Option<Taken>>>);

impl Tee {
    pub(super) fn new(body: Body, limit: usize) -> Self {
        let taken = Taken {
            kept: Vec::new(),
            rest: body.into_data_stream(),
            size: 0,
            limit,
            gathered: Vec::new(),
            pause: false,
            ended: false,
            stopped: None,
        };
        Self(Arc::new(Mutex::new(Some(taken))))
    }

    /// Why reading stopped, if it did before the end, and the body as if nothing had been read.
    pub(super) fn into_body(self) -> (Option<Form>, Body) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match taken {
            Some(taken) => {
                let rest = (!taken.ended).then_some(taken.rest);
                (taken.stopped, replay(taken.kept, rest))
            }
            None => (Some(Form::Broken), Body::empty()),
        }
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
                return taken.stop(Form::TooLarge);
            }
            match ready!(Pin::new(&mut taken.rest).poll_next(cx)) {
                None => taken.ended = true,
                Some(Err(_)) => return taken.stop(Form::Broken),
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
    fn stop<T>(&mut self, why: Form) -> Poll<Option<Result<T, Stopped>>> {
        self.stopped = Some(why);
        Poll::Ready(Some(Err(Stopped)))
    }
}

/// Why no more is read; [`Taken::stopped`] says which.
#[derive(Debug)]
pub(super) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the form was not read to its end")
    }
}

impl std::error::Error for Stopped {}

/// A body of what was read of another, then that one's rest.
pub(super) fn replay(kept: Vec<Bytes>, rest: Option<BodyDataStream>) -> Body {
    Body::from_stream(Replay { kept: kept.into_iter(), rest })
}

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
pub(super) mod tests {
    use multer::Multipart;

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

    pub(crate) fn body(frames: Vec<Bytes>) -> Body {
        Body::from_stream(Once(frames.into_iter(), false))
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
        let kept = tee.0.lock().unwrap().as_ref().unwrap().kept.len();
        assert_eq!(kept, 1);
    }
}
