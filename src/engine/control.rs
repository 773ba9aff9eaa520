//! How another terminal reaches a running engine: a Unix socket in the state directory.
//!
//! One request a connection, one line of JSON each way. Only the owner of the process is listened to, a
//! request is at most 64 KiB long, and whatever is not understood is refused in words. The engine answers
//! between two turns of its loop; a client that stalls costs nobody anything.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::mail::{Address, Suppression};

use super::steer::{Obeyed, Order};
use super::view::Status;

/// The longest request that is read, in octets.
const REQUEST_LIMIT: u64 = 64 * 1024;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nobody is listened to after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A socket's path fits in 108 octets on Linux (unix(7)), its end included.
const PATH_LIMIT: usize = 100;

/// A change of the suppression list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Never write to these.
    Add(Vec<Suppression>),
    /// These may be written to again.
    Remove(Vec<Address>),
    /// Never write to these, and keep no more of them than a hash.
    Forget(Vec<Address>),
}

/// What a change of the suppression list came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changed {
    /// Entries added, removed or reduced to a hash.
    pub changed: u64,
    /// Entries that stood that way already.
    pub unchanged: u64,
    /// Whether a running engine heeds it from now on.
    pub told: bool,
}

impl Changed {
    /// Counts what another part of the same change came to.
    pub(super) fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.told |= other.told;
    }
}

/// What can be asked of a running engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask", content = "with")]
pub(super) enum Request {
    /// How does the campaign stand?
    Status,
    /// Heed this change of the suppression list.
    Suppress(Change),
    /// Do this with the run of a campaign.
    Order {
        /// Whose run; another's is left alone.
        campaign: String,
        /// What to do.
        order: Order,
    },
}

/// What a running engine answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer", content = "with")]
pub(super) enum Answer {
    /// How the campaign stands.
    Status(Box<Status>),
    /// The suppression list is changed, on disk and for this run.
    Changed(Changed),
    /// What came of an order.
    Obeyed(Obeyed),
    /// It cannot be done, and why.
    Refused(String),
}

/// A request and where its answer goes.
pub(super) type Asked = (Request, oneshot::Sender<Answer>);

/// The socket of a running engine; removed when dropped.
#[derive(Debug)]
pub(super) struct Control {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Control {
    /// Begins to listen for the engine that holds the lock of `state_dir`.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub(super) fn listen(state_dir: &Path) -> io::Result<(Self, mpsc::Receiver<Asked>)> {
        let path = socket_path(state_dir);
        // The lock is ours, so a socket that is there belongs to an engine that is gone.
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let (asked, requests) = mpsc::channel(16);
        let task = tokio::spawn(accept(listener, asked));
        Ok((Self { path, task }, requests))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // Nothing can be done about a socket that does not go away; the next engine replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    let own = rustix::process::getuid().as_raw();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: whoever asks again later is heard.
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let is_owner = stream.peer_cred().is_ok_and(|peer| peer.uid() == own);
        if is_owner {
            tokio::spawn(serve(stream, asked.clone()));
        }
    }
}

async fn serve(stream: UnixStream, asked: mpsc::Sender<Asked>) {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reading = tokio::io::BufReader::new(reading.take(REQUEST_LIMIT));
    let read = timeout(PATIENCE, reading.read_line(&mut line)).await;
    let answer = match read {
        Ok(Ok(_)) if line.ends_with('\n') => ask(&line, &asked).await,
        Ok(Ok(_)) => Answer::Refused(format!("a request is one line of at most {REQUEST_LIMIT} octets")),
        Ok(Err(_)) | Err(_) => return,
    };
    let mut text = serde_json::to_string(&answer).expect("an answer holds nothing that JSON cannot");
    text.push('\n');
    // A client that does not wait for its answer has lost nothing of the run.
    let _ = timeout(PATIENCE, writing.write_all(text.as_bytes())).await;
}

async fn ask(line: &str, asked: &mpsc::Sender<Asked>) -> Answer {
    let request = match serde_json::from_str::<Request>(line) {
        Ok(request) => request,
        Err(error) => return Answer::Refused(format!("not understood: {error}")),
    };
    let (answer, answered) = oneshot::channel();
    if asked.send((request, answer)).await.is_err() {
        return Answer::Refused("the run is ending".to_owned());
    }
    answered.await.unwrap_or_else(|_| Answer::Refused("the run is ending".to_owned()))
}

/// Asks the engine that runs in `state_dir`; none if there is no engine.
///
/// # Errors
/// If an engine is there and does not answer in words.
pub(super) fn ask_engine(state_dir: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let mut stream = match BlockingStream::connect(socket_path(state_dir)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(2 * PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_string(request).map_err(io::Error::other)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(16 * 1024 * 1024)).read_line(&mut line)?;
    if line.is_empty() {
        // It closed without a word: it was about to end.
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).map_err(io::Error::other)
}

/// Where the socket of a state directory lies.
fn socket_path(state_dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
    let near = absolute.join("control");
    if near.as_os_str().len() <= PATH_LIMIT {
        return near;
    }
    let name = blake3::hash(absolute.as_os_str().as_encoded_bytes()).to_hex();
    let runtime = env::var_os("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
    runtime.join(format!("mailrun-{}.control", &name[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_answered_and_garbage_is_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_control, mut requests) = Control::listen(folder.path()).expect("a socket");
        let engine = tokio::spawn(async move {
            while let Some((_, answer)) = requests.recv().await {
                answer.send(Answer::Changed(Changed { changed: 1, ..Changed::default() })).expect("a client");
            }
        });
        let path = folder.path().to_owned();
        let (good, garbage, long) = tokio::task::spawn_blocking(move || {
            let request = Request::Suppress(Change::Remove(Vec::new()));
            (ask_engine(&path, &request), say(&path, b"{]\n"), say(&path, &vec![b'x'; 1_000_000]))
        })
        .await
        .expect("no panic");
        assert!(matches!(good, Ok(Some(Answer::Changed(Changed { changed: 1, .. })))));
        assert!(garbage.contains("not understood"), "{garbage}");
        assert!(long.is_empty() || long.contains("one line"), "{long}");
        engine.abort();
    }

    fn say(state_dir: &Path, octets: &[u8]) -> String {
        let mut stream = BlockingStream::connect(socket_path(state_dir)).expect("an engine");
        // The engine may hang up in the midst of a request that is too long.
        let _ = stream.write_all(octets);
        let mut line = String::new();
        let _ = BufReader::new(stream).read_line(&mut line);
        line
    }

    #[test]
    fn no_engine_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(ask_engine(folder.path(), &Request::Status).expect("no error").is_none());
    }

    #[test]
    fn a_deep_state_directory_has_its_socket_elsewhere() {
        let deep = PathBuf::from("/").join("a".repeat(200));
        assert!(socket_path(&deep).as_os_str().len() <= PATH_LIMIT + 60);
        assert!(!socket_path(&deep).starts_with(&deep));
    }
}
