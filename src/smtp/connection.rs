//! A stream and the replies read from it: octets are moved here, and nothing is decided.
//!
//! While a session is opened, [`Connection::ask`] says one thing and awaits its reply. At work,
//! [`Connection::progress`] writes and reads at the same time, as a server that stops reading until its
//! replies are taken would otherwise never go on. A failed write is not the end: a reply that says why
//! may lie in the buffer, so reading goes on until the stream ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;

use super::command::{Charset, Command};
use super::error::SmtpError;
use super::reply::{RawReply, Replies};
use super::stream::Stream;
use super::timeouts::Timeouts;
use super::transcript::{Said, Transcript};
use crate::mail::Phase;

/// What octets moved.
#[derive(Debug)]
pub(super) enum Progress {
    /// So many octets of the output are written.
    Wrote(usize),
    /// Octets came.
    Read,
    /// The server closed the stream, or it broke.
    Ended(Option<io::Error>),
}

/// A stream with its buffer.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) stream: Stream<S>,
    pub(super) replies: Replies,
    flush: Flush,
    /// How a write failed; nothing is written any more.
    broken: Option<io::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    Done,
    Due,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: Stream<S>) -> Self {
        Self { stream, replies: Replies::default(), flush: Flush::Done, broken: None }
    }

    /// Writes as much of `output` as there is room for, or reads what is there, whichever comes first.
    pub(super) async fn progress(&mut self, output: &[u8]) -> Progress {
        poll_fn(|context| self.poll_progress(output, context)).await
    }

    fn poll_progress(&mut self, output: &[u8], context: &mut Context<'_>) -> Poll<Progress> {
        if self.broken.is_none() {
            match self.poll_output(output, context) {
                Poll::Ready(Ok(0)) | Poll::Pending => {}
                Poll::Ready(Ok(count)) => return Poll::Ready(Progress::Wrote(count)),
                Poll::Ready(Err(error)) => self.broken = Some(error),
            }
        }
        let mut room = ReadBuf::new(self.replies.room());
        let result = ready!(Pin::new(&mut self.stream).poll_read(context, &mut room));
        let count = room.filled().len();
        Poll::Ready(match result {
            Ok(()) if count > 0 => {
                self.replies.filled(count);
                Progress::Read
            }
            Ok(()) => Progress::Ended(self.broken.take()),
            Err(error) => Progress::Ended(Some(error)),
        })
    }

    /// Ready with 0 if there is nothing to write and nothing to flush.
    fn poll_output(&mut self, output: &[u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.stream);
        if !output.is_empty() {
            let count = ready!(stream.poll_write(context, output))?;
            self.flush = Flush::Due;
            return Poll::Ready(if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) });
        }
        if self.flush == Flush::Due {
            ready!(stream.as_mut().poll_flush(context))?;
            self.flush = Flush::Done;
        }
        Poll::Ready(Ok(0))
    }

    /// Says `octets` and takes the reply with `read`.
    ///
    /// # Errors
    /// The line was lost, the reply was none, or did not come in time.
    pub(super) async fn ask<T>(
        &mut self,
        octets: &[u8],
        phase: Phase,
        timeouts: &Timeouts,
        read: impl FnOnce(&RawReply<'_>) -> T,
    ) -> Result<T, SmtpError> {
        let limit = timeouts.reply(phase);
        match timeout(limit, self.ask_slowly(octets, phase, read)).await {
            Ok(result) => result,
            Err(_) => Err(SmtpError::TimedOut { phase, after: limit }),
        }
    }

    async fn ask_slowly<T>(
        &mut self,
        octets: &[u8],
        phase: Phase,
        read: impl FnOnce(&RawReply<'_>) -> T,
    ) -> Result<T, SmtpError> {
        let mut output = octets;
        loop {
            // Whatever was read before the whole command was written cannot answer it, but it may say why
            // the server goes away.
            match self.replies.next_reply() {
                Ok(Some(raw)) => return Ok(read(&raw)),
                Ok(None) => {}
                Err(source) => return Err(SmtpError::Malformed { phase, source }),
            }
            match self.progress(output).await {
                Progress::Wrote(count) => output = &output[count..],
                Progress::Read => {}
                Progress::Ended(source) => return Err(SmtpError::Lost { phase, source }),
            }
        }
    }

    /// Says QUIT and closes the stream in good order. How that goes changes nothing any more.
    pub(super) async fn quit(&mut self, timeouts: &Timeouts) {
        let limit = timeouts.quit;
        let mut line = Vec::new();
        if Command::Quit.write(Charset::Ascii, &mut line).is_ok() {
            let _ = timeout(limit, self.ask_slowly(&line, Phase::Other, |_| ())).await;
        }
        let _ = timeout(limit, self.stream.shutdown()).await;
    }
}

/// Notes a reply in a transcript, line by line.
pub(super) fn note_reply(transcript: &mut Transcript, raw: &RawReply<'_>) {
    let count = raw.lines().count();
    for (number, line) in raw.lines().enumerate() {
        let separator = if number + 1 < count { '-' } else { ' ' };
        transcript
            .add(|| Said::Server(format!("{}{separator}{}", raw.code(), String::from_utf8_lossy(line))));
    }
}
