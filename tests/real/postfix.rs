//! Debian's Postfix over TLS, and its smtp-sink: what mailrun reports of each recipient is what their logs say.
//!
//! Postfix takes seven recipients a transaction and three sessions at once, refuses some recipients for good,
//! some for ever for now, and some once; it slows sessions down after a few errors and closes them after five.
//! See `postfix.sh`.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::letters::{Corpus, LETTERS};
use crate::server::settled;
use crate::server_log::{Refusal, ServerLog};
use crate::sink::Sink;
use crate::stage::free_port;
use crate::trial::{Chunking, Manners, Mode, RECIPIENTS_PER_MESSAGE, Trial, WINDOW};
use crate::{certificate, greylist, postfix_log};

/// What the sink may take, so that Postfix has to take as much.
const SINK_QUOTA: usize = 2_000;

#[test]
#[ignore = "needs root and Debian's postfix: tests/run runs it"]
fn personal_mail_is_reported_as_postfix_logged_it() {
    let postfix = Postfix::start("starttls", Chunking::Hidden, 5);
    println!("{}", try_it(&postfix, Mode::Personal));
    assert!(postfix.log().contains("too many errors after RCPT"), "the limit of errors was met");
}

#[test]
#[ignore = "needs root and Debian's postfix: tests/run runs it"]
fn personal_mail_in_chunks_is_reported_as_postfix_logged_it() {
    println!("{}", try_it(&Postfix::start("implicit", Chunking::Shown, 20), Mode::Personal));
}

#[test]
#[ignore = "needs root and Debian's postfix: tests/run runs it"]
fn grouped_mail_is_reported_as_postfix_logged_it() {
    println!("{}", try_it(&Postfix::start("implicit", Chunking::Shown, 100), Mode::Grouped));
}

#[test]
#[ignore = "needs root and Debian's postfix: tests/run runs it"]
fn every_letter_is_taken_by_postfix() {
    for chunking in [Chunking::Hidden, Chunking::Shown] {
        let postfix = Postfix::start("implicit", chunking, 20);
        // Its limits are not what this is about.
        let modest = postfix.relay().replace("sessions = 8", "sessions = 3");
        let corpus = Corpus::write(&modest.replace("relays.postfix", "relays.desk"));
        corpus.send(&[]);
        corpus.was_taken(&settled(|| postfix_log::read(&postfix.log())));
        println!("postfix, chunking {}: {LETTERS} letters taken", chunking.word());
    }
}

/// Postfix with its private folder; stopped when dropped.
struct Postfix {
    folder: TempDir,
    authority: PathBuf,
    port: u16,
    tls: &'static str,
}

impl Postfix {
    /// `errors` is after how many it closes a session.
    fn start(tls: &'static str, chunking: Chunking, errors: u32) -> Self {
        let folder = TempDir::with_prefix("mailrun-postfix-").expect("a folder for postfix");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of our own");
        let authority = certificate::issue(folder.path());
        let port = free_port();
        let postfix = Self { folder, authority, port, tls };
        let policy_port = greylist::start().to_string();
        postfix
            .script("start", &[&port.to_string(), &policy_port, tls, chunking.word(), &errors.to_string()]);
        postfix
    }

    fn script(&self, verb: &str, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/postfix.sh");
        let status = Command::new(script)
            .arg(verb)
            .arg(self.folder.path())
            .args(arguments)
            .status()
            .expect("bash runs");
        assert!(status.success(), "postfix.sh {verb}: {status}");
    }

    fn relay(&self) -> String {
        format!(
            "[relays.postfix]\npreset = \"postfix\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"{}\"\n\
             tls_ca = \"{}\"\nsessions = 8\nrecipients_per_message = {RECIPIENTS_PER_MESSAGE}\nweight = 3\n\
             window = {WINDOW}\n",
            self.port,
            self.tls,
            self.authority.display()
        )
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("maillog")).expect("postfix keeps a log")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.script("stop", &[]);
            return;
        }
        // While a test fails, its own message matters more than one about stopping.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/postfix.sh");
        let _ = Command::new(script).arg("stop").arg(self.folder.path()).status();
    }
}

/// Sends through Postfix and the sink, and compares. Returns the figures.
fn try_it(postfix: &Postfix, mode: Mode) -> String {
    let sink = Sink::start(free_port());
    let sink_relay = format!(
        "[relays.sink]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         recipients_per_message = {RECIPIENTS_PER_MESSAGE}\n\
         quotas = [{{ limit = {SINK_QUOTA}, unit = \"recipients\", per = \"24h\" }}]\n",
        sink.port
    );
    let trial = Trial::new(mode, &(postfix.relay() + &sink_relay), &["postfix", "sink"]);
    trial.send(&[]);

    let by_postfix = settled(|| postfix_log::read(&postfix.log()));
    let by_sink = sink.log();
    let count = |log: &ServerLog| log.taken.values().map(Vec::len).sum::<usize>();
    assert!(count(&by_sink) <= SINK_QUOTA, "the sink took {}", count(&by_sink));
    let manners = Manners {
        gone: Refusal::new(550, "5.1.1"),
        later: Refusal::new(450, "4.2.1"),
        grey: Refusal::new(450, "4.2.0"),
    };
    let logs = HashMap::from([("postfix", by_postfix), ("sink", by_sink)]);
    let figures = trial.compare(&logs, &manners);

    let text = postfix.log();
    assert!(text.contains("Connection concurrency limit exceeded"), "the limit of connections was met");
    for offence in ["improper command pipelining", "non-SMTP command"] {
        assert!(!text.contains(offence), "{offence} in Postfix's log");
    }
    format!("postfix, {}: {figures}", postfix.tls)
}
