//! A stream whose first octets are remembered until TLS is up.
//!
//! Some servers refuse a connection before they begin TLS, and say so in the clear on a port where nobody
//! speaks so: Exim does, beyond its limit of connections. To TLS that is garbage; what was overheard tells a
//! busy server from one that does not speak TLS at all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reply::Replies;
use crate::mail::Reply;

/// Octets that are kept; a longer reply is cut, and is none then.
const KEPT: usize = 1024;

/// A stream, and what was read from it first.
#[derive(Debug)]
pub struct Overheard<S> {
    stream: S,
    /// The first octets; none from the moment that nobody needs them any more.
    first: Option<Vec<u8>>,
}

impl<S> Overheard<S> {
    /// Listens from here on.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, first: Some(Vec::new()) }
    }

    /// Forgets what was read and listens no more.
    pub(super) fn forget(&mut self) {
        self.first = None;
    }

    /// The refusal (4yz or 5yz) that was read in place of TLS, if that is what it was.
    pub(super) fn refusal(&self) -> Option<Reply> {
        let mut replies = Replies::default();
        replies.extend(self.first.as_deref()?);
        let reply = replies.next_reply().ok().flatten()?.to_reply();
        (reply.is_transient() || reply.is_permanent()).then_some(reply)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Some(first) = &mut this.first {
            let new = &buffer.filled()[before..];
            first.extend_from_slice(&new[..new.len().min(KEPT - first.len())]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
