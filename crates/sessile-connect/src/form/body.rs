//! A body that is read twice: in search of a field, and by the handler.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

/// A body and what was read of it, to be handed on whole.
#[derive(Debug)]
pub struct Kept<S> {
    chunks: Vec<Bytes>,
    size: usize,
    /// `None` once the body is at its end: it must not be asked again.
    rest: Option<S>,
}

impl<S> Kept<S> {
    pub(super) fn new(body: S) -> Self {
        Self { chunks: Vec::new(), size: 0, rest: Some(body) }
    }

    /// How many bytes were read so far.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// All that was read, in one piece. One chunk, which is what most forms are, is not copied.
    pub(super) fn join(&mut self) -> Bytes {
        match self.chunks.as_slice() {
            [only] => only.clone(),
            chunks => {
                let joined = Bytes::from(chunks.concat());
                self.chunks = vec![joined.clone()];
                joined
            }
        }
    }

    /// The body in one piece if all of it was read, else as a stream of what was read and the rest.
    ///
    /// # Errors
    ///
    /// The stream.
    pub fn into_bytes(mut self) -> Result<Bytes, Replay<S>> {
        match self.rest {
            None => Ok(self.join()),
            Some(_) => Err(self.into_stream()),
        }
    }

    /// The body as a stream of what was read and the rest.
    pub fn into_stream(self) -> Replay<S> {
        Replay { kept: self.chunks.into_iter(), rest: self.rest }
    }
}

impl<S, E> Kept<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// The next chunk that holds something; `None` at the end. HTTP/2 has frames without data, as
    /// many as one likes: they are not kept.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, E>>> {
        loop {
            let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
            match ready!(Pin::new(rest).poll_next(cx)) {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    self.size = self.size.saturating_add(chunk.len());
                    self.chunks.push(chunk.clone());
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Some(Err(error)) => {
                    self.rest = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.rest = None,
            }
        }
    }

    pub(super) async fn next(&mut self) -> Option<Result<Bytes, E>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }
}

/// What was read of a body, then the rest.
#[derive(Debug)]
pub struct Replay<S> {
    kept: std::vec::IntoIter<Bytes>,
    rest: Option<S>,
}

impl<S, E> Stream for Replay<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, E>;

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
    use std::convert::Infallible;

    use super::*;

    /// Frames, and a panic for whoever asks again after the end.
    #[derive(Debug)]
    pub(in crate::form) struct Once(std::vec::IntoIter<Bytes>, bool);

    impl Once {
        pub(in crate::form) fn new(frames: Vec<Bytes>) -> Self {
            Self(frames.into_iter(), false)
        }
    }

    impl Stream for Once {
        type Item = Result<Bytes, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            assert!(!self.1, "polled after its end");
            let next = self.0.next();
            self.1 = next.is_none();
            Poll::Ready(next.map(Ok))
        }
    }

    pub(in crate::form) async fn joined(body: Kept<Once>) -> Vec<u8> {
        let mut stream = match body.into_bytes() {
            Ok(bytes) => return bytes.to_vec(),
            Err(stream) => stream,
        };
        let mut all = Vec::new();
        while let Some(Ok(chunk)) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
            all.extend_from_slice(&chunk);
        }
        all
    }

    #[tokio::test]
    async fn inv12_frames_without_data_are_not_kept() {
        let mut frames = vec![Bytes::new(); 10_000];
        frames.push(Bytes::from_static(b"--XX--"));
        let mut body = Kept::new(Once::new(frames));
        while body.next().await.is_some() {}
        assert_eq!((body.chunks.len(), body.size()), (1, 6));
    }
}
