//! What becomes of the messages a sandbox takes: `.eml` files, or a number; and the log of acceptances.
//!
//! Files are written by a thread of their own behind a bounded queue, after the reply: they are for
//! reading, not for proof. The log of acceptances is the proof: its lines reach the operating system
//! before the 250 leaves, so that they outlive a kill of either side (not a power cut).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::books::Books;

/// How much may wait for the thread that writes it, in KiB: enough for the first ten thousand messages of
/// an ordinary campaign, so that its sessions never wait for files to be made.
const QUEUE_KIB: usize = 65_536;

/// What a server does with the messages it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Whether messages are kept.
    pub keep: Keep,
    /// Where each acceptance is noted before it is told.
    pub acceptances: Option<AcceptanceLog>,
}

/// Whether messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// None: they are counted.
    Count,
    /// The first ones, as `NNNNNN.eml` with the octets as they came, dot-stuffing undone; the others are
    /// counted. `index.tsv` beside them says for each: file, reverse-path, recipients (separated by
    /// spaces), login.
    First {
        /// The folder; made if it is missing. Files already there are left alone and count as kept.
        dir: PathBuf,
        /// How many files the folder may hold.
        first: u64,
    },
}

/// A file to which each acceptance is appended, a line a recipient:
/// `unix_ms TAB message-id TAB reverse-path TAB recipient TAB login TAB date TAB octets TAB digest TAB queue-id`.
///
/// The date is the message's field, the digest BLAKE3 over its first 64 KiB as they came, dot-stuffing undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceLog {
    /// The file; made if it is missing, appended to otherwise.
    pub file: PathBuf,
    /// What the clock on the wall shows when the server begins. The server itself only measures how
    /// much time has passed since.
    pub began: Timestamp,
}

impl Mailbox {
    /// Counts and forgets.
    pub fn count() -> Self {
        Self { keep: Keep::Count, acceptances: None }
    }

    /// Keeps the `first` messages in `dir` and counts the others.
    pub fn keep(dir: impl Into<PathBuf>, first: u64) -> Self {
        Self { keep: Keep::First { dir: dir.into(), first }, acceptances: None }
    }

    /// The same mailbox, with a log of acceptances.
    #[must_use]
    pub fn logged(mut self, file: impl Into<PathBuf>, began: Timestamp) -> Self {
        self.acceptances = Some(AcceptanceLog { file: file.into(), began });
        self
    }
}

/// How much of a message a session must gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gather {
    /// Its length.
    Nothing,
    /// Its header, and as much more as its digest covers.
    Header,
    /// All of it.
    Everything,
}

/// What a mailbox wants of the messages taken. Shared by all sessions.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// How many more messages are kept.
    left: AtomicU64,
    /// The wall time of the server's beginning in milliseconds, if acceptances are logged.
    pub(super) log_began: Option<i64>,
}

impl Wants {
    pub(super) fn gather(&self) -> Gather {
        if self.left.load(Relaxed) > 0 {
            Gather::Everything
        } else if self.log_began.is_some() {
            Gather::Header
        } else {
            Gather::Nothing
        }
    }

    /// Takes one of the places left, if there is one.
    pub(super) fn claim(&self) -> bool {
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// A message to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) octets: Vec<u8>,
    /// Reverse-path, recipients and login as a line of the index has them, without the file's name.
    pub(super) envelope: String,
}

/// A message that waits to be written, and the room it takes meanwhile.
type Queued = (Kept, OwnedSemaphorePermit);

/// An open mailbox.
#[derive(Debug)]
pub(super) struct Post {
    log: Option<File>,
    shelf: Option<mpsc::UnboundedSender<Queued>>,
    /// A permit for each KiB that may wait.
    room: Arc<Semaphore>,
    writer: Option<JoinHandle<()>>,
}

impl Post {
    /// Opens the files of a mailbox.
    pub(super) fn open(mailbox: Mailbox, books: &Arc<Books>) -> io::Result<(Self, Wants)> {
        let room = Arc::new(Semaphore::new(QUEUE_KIB));
        let (mut post, mut wants) = (Self { log: None, shelf: None, room, writer: None }, Wants::default());
        if let Some(acceptances) = mailbox.acceptances {
            let options = OpenOptions::new().append(true).create(true).mode(0o600).clone();
            post.log = Some(options.open(acceptances.file)?);
            wants.log_began = Some(acceptances.began.as_millisecond());
        }
        match mailbox.keep {
            Keep::Count => {}
            Keep::First { dir, first } => {
                let shelf = Shelf::open(dir, Arc::clone(books))?;
                wants.left = AtomicU64::new(first.saturating_sub(shelf.held));
                let (sender, receiver) = mpsc::unbounded_channel();
                let writer = std::thread::Builder::new().name("sandbox-mailbox".into());
                post.writer = Some(writer.spawn(move || shelf.run(receiver))?);
                post.shelf = Some(sender);
            }
        }
        Ok((post, wants))
    }

    /// Appends lines to the log of acceptances in one write.
    pub(super) fn log(&self, lines: &[u8]) -> io::Result<()> {
        match &self.log {
            Some(file) if !lines.is_empty() => (&*file).write_all(lines),
            Some(_) | None => Ok(()),
        }
    }

    /// Hands messages to the thread that writes them; waits while it is behind.
    pub(super) async fn keep(&self, kept: &mut Vec<Kept>) {
        if let Some(shelf) = &self.shelf {
            for message in kept.drain(..) {
                let room = u32::try_from((message.octets.len() / 1024 + 1).min(QUEUE_KIB));
                let room = room.expect("the room is far below four billion");
                let room = Arc::clone(&self.room).acquire_many_owned(room).await;
                // Only a writer that panicked is gone; the session is not to suffer for it.
                let _ = shelf.send((message, room.expect("the room is never closed")));
            }
        }
    }

    /// Waits until everything handed over is written.
    pub(super) async fn close(mut self) {
        self.shelf = None;
        if let Some(writer) = self.writer.take() {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

/// The folder of kept messages, in the hands of its thread.
#[derive(Debug)]
struct Shelf {
    dir: PathBuf,
    index: BufWriter<File>,
    /// Files that were there before.
    held: u64,
    next: u64,
    books: Arc<Books>,
}

impl Shelf {
    fn open(dir: PathBuf, books: Arc<Books>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let (mut held, mut highest) = (0, 0);
        for entry in std::fs::read_dir(&dir)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".eml"));
            if let Some(number) = number.and_then(|digits| digits.parse::<u64>().ok()) {
                held += 1;
                highest = highest.max(number);
            }
        }
        let index = OpenOptions::new().append(true).create(true).mode(0o600).open(dir.join("index.tsv"))?;
        let index = BufWriter::new(index);
        Ok(Self { dir, index, held, next: highest + 1, books })
    }

    fn run(mut self, mut messages: mpsc::UnboundedReceiver<Queued>) {
        while let Some((message, _room)) = messages.blocking_recv() {
            let written = self.write(&message);
            // The index is complete whenever nothing waits.
            let indexed = if messages.is_empty() { self.index.flush() } else { Ok(()) };
            if written.and(indexed).is_err() {
                self.books.miss();
            }
        }
    }

    fn write(&mut self, message: &Kept) -> io::Result<()> {
        let name = format!("{:06}.eml", self.next);
        self.next += 1;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.dir.join(&name));
        file?.write_all(&message.octets)?;
        writeln!(self.index, "{name}\t{}", message.envelope)
    }
}
