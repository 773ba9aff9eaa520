//! `mailrun sandbox` as a process of its own: the receiving side that tests believe.
//!
//! It writes each recipient it accepts into a log before its 250 leaves, so what the log lacks no client
//! can have been told. It outlives the runs that are killed.

use std::collections::HashMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::run::Running;
use super::workspace::binary;

/// One recipient that the oracle accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acceptance {
    /// Milliseconds since 1970, by the oracle's clock.
    pub(crate) time: u64,
    /// The Message-ID, without angle brackets.
    pub(crate) message_id: String,
    /// The reverse-path.
    pub(crate) reverse_path: String,
    /// The recipient.
    pub(crate) recipient: String,
    /// The Date of the message.
    pub(crate) date: String,
    /// Octets of the message.
    pub(crate) octets: u64,
    /// A digest of the whole message, header and body.
    pub(crate) digest: String,
    /// What the server called the message when it took it.
    pub(crate) queue_id: String,
}

/// The server and its log; killed when dropped.
#[derive(Debug)]
pub(crate) struct Oracle {
    server: Running,
    log: PathBuf,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Oracle {
    /// Starts it, with `settings` of its persona, and waits until it listens.
    pub(crate) fn start(log: PathBuf, settings: &[&str]) -> Self {
        let port = free_port();
        let command = Self::command(port, &log, settings);
        let server = Self::launch(command);
        let mut oracle = Self { server, log, port };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return oracle;
            }
            assert!(!oracle.server.has_ended(), "mailrun sandbox ended at once: {}", oracle.server.wait());
            thread::sleep(Duration::from_millis(10));
        }
        panic!("mailrun sandbox does not listen on port {port}");
    }

    /// The one place that knows how the sandbox is told what to do.
    fn command(port: u16, log: &std::path::Path, settings: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["sandbox", "--listen", &format!("127.0.0.1:{port}"), "--log"]).arg(log).args(settings);
        command
    }

    fn launch(mut command: Command) -> Running {
        let described = format!("{command:?}");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        Running::new(described, child)
    }

    /// Ends it in good order and gives back what it counted. It was started with `--json`. What it has not
    /// accepted by then it never will; its log can still be read.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> Value {
        self.server.signal(Signal::TERM);
        let run = self.server.end().ends(0);
        let counted = run.stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
        counted.unwrap_or_else(|| panic!("no JSON: {run}"))
    }

    /// Octets of the log so far; grows with each acceptance.
    pub(crate) fn log_size(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |metadata| metadata.len())
    }

    /// How many recipients it has accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        let log = fs::read(&self.log).unwrap_or_default();
        memchr::memchr_iter(b'\n', &log).count()
    }

    /// Everything it has accepted, by recipient.
    #[track_caller]
    pub(crate) fn acceptances(&self) -> HashMap<String, Vec<Acceptance>> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let mut found: HashMap<String, Vec<Acceptance>> = HashMap::new();
        for line in log.lines() {
            let acceptance = parse(line).unwrap_or_else(|| panic!("no line of an acceptance log: {line:?}"));
            found.entry(acceptance.recipient.clone()).or_default().push(acceptance);
        }
        found
    }
}

/// Reads `unix_ms TAB message_id TAB reverse_path TAB recipient TAB account TAB date TAB octets TAB digest TAB queue_id`.
fn parse(line: &str) -> Option<Acceptance> {
    let mut cells = line.split('\t').map(|cell| cell.trim_start_matches('<').trim_end_matches('>'));
    let time = cells.next()?.parse().ok()?;
    let [message_id, reverse_path, recipient, _account, date] =
        [(); 5].map(|()| cells.next().map(str::to_owned));
    Some(Acceptance {
        time,
        message_id: message_id?,
        reverse_path: reverse_path?,
        recipient: recipient?,
        date: date?,
        octets: cells.next()?.parse().ok()?,
        digest: cells.next()?.to_owned(),
        queue_id: cells.next()?.to_owned(),
    })
}

/// A port of 127.0.0.1 that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback interface");
    listener.local_addr().expect("a bound socket has an address").port()
}
