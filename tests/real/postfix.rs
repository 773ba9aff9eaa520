//! Debian's Postfix and its smtp-sink: what mailrun reports of each recipient is what their logs say.
//!
//! Postfix takes seven recipients a transaction, refuses some recipients for good, some for ever for now,
//! and some once; see `postfix.sh`. It slows sessions down and closes them after its usual error limits.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::greylist;
use crate::postfix_log::PostfixLog;
use crate::sink::Sink;
use crate::stage::{Fate, Workspace, fates, free_port, recipients_of};

const RECIPIENTS: usize = 10_000;
/// What the sink may take, so that Postfix has to take as much.
const SINK_QUOTA: usize = 5_000;
/// More than Postfix's seven, so that it refuses the eighth with 452.
const RECIPIENTS_PER_MESSAGE: usize = 10;

const CAMPAIGN: &str = r#"
subject = "The letter"
from = "Example News <news@example.com>"
template = "letter"
relays = ["postfix", "sink"]
[list]
file = "recipients.csv"
[send]
retry = { first = "1s", factor = 2, max = "8s", give_up = "20s" }
[unsubscribe]
mailto = "unsubscribe@example.com"
"#;

#[test]
#[ignore = "needs root and Debian's postfix: tests/run runs it"]
fn personal_mail_is_reported_as_postfix_logged_it() {
    let trial = Trial::start("personal", "Dear {{first_name}},\n\nthis is the letter.\n");
    trial.send();
    println!("{}", trial.compare());
}

#[test]
#[ignore = "needs root and Debian's postfix: tests/run runs it"]
fn grouped_mail_is_reported_as_postfix_logged_it() {
    let trial = Trial::start("grouped", "Dear all,\n\nthis is the letter.\n");
    trial.send();
    println!("{}", trial.compare());
}

/// Postfix with its private folder; stopped when dropped.
struct Postfix {
    folder: TempDir,
}

impl Postfix {
    fn start(port: u16, policy_port: u16) -> Self {
        let folder = TempDir::with_prefix("mailrun-postfix-").expect("a folder for postfix");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of our own");
        let postfix = Self { folder };
        postfix.script("start", &[&port.to_string(), &policy_port.to_string()]);
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

    /// The log, once everything taken has left the queue.
    fn log(&self) -> PostfixLog {
        let path = self.folder.path().join("maillog");
        for _ in 0..600 {
            let log = PostfixLog::read(&fs::read_to_string(&path).expect("postfix keeps a log"));
            if log.queued == 0 {
                return log;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("postfix did not deliver what it took");
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

struct Trial {
    mode: &'static str,
    workspace: Workspace,
    postfix: Postfix,
    sink: Sink,
}

impl Trial {
    fn start(mode: &'static str, text: &str) -> Self {
        let port = free_port();
        let postfix = Postfix::start(port, greylist::start());
        let sink = Sink::start(free_port());
        let workspace = Workspace::empty();
        let relays = format!(
            "[relays.postfix]\npreset = \"postfix\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
             recipients_per_message = {RECIPIENTS_PER_MESSAGE}\n\
             [relays.sink]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             recipients_per_message = {RECIPIENTS_PER_MESSAGE}\n\
             quotas = [{{ limit = {SINK_QUOTA}, unit = \"recipients\", per = \"24h\" }}]\n",
            sink.port
        );
        workspace.write("campaigns/relays.toml", relays);
        workspace.write(
            "campaigns/letter/campaign.toml",
            CAMPAIGN.replace("[send]\n", &format!("[send]\nmode = \"{mode}\"\n")),
        );
        workspace.write("templates/letter/body.txt.hbs", text);
        workspace.write("campaigns/letter/recipients.csv", list());
        Self { mode, workspace, postfix, sink }
    }

    fn send(&self) {
        let run = self.workspace.start(&["send", "letter", "--yes"]).wait();
        // Some recipients are refused, so 3: finished, and not everybody was accepted.
        let run = run.ends(3);
        assert!(!run.stderr.contains("panicked"), "{run}");
    }

    /// Holds each line of the report against the log of the server it names. Returns the figures.
    fn compare(&self) -> String {
        let report = fates(&self.workspace.mailrun(&["report", "letter", "--csv"]).ends(0));
        assert_eq!(report.len(), RECIPIENTS);
        let postfix = self.postfix.log();
        let sink = self.sink.taken();
        let mut counts: HashMap<(String, String), usize> = HashMap::new();
        let mut faults = Vec::new();
        for fate in &report {
            *counts.entry((fate.relay.clone(), fate.state.clone())).or_default() += 1;
            if let Some(words) = fault(fate, &postfix, &sink) {
                faults.push(format!("{words}: {fate:?}"));
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort();
        assert!(faults.is_empty(), "{}", faults[..faults.len().min(20)].join("\n"));

        let by_sink: usize = sink.values().map(Vec::len).sum();
        assert!(by_sink <= SINK_QUOTA, "the sink took {by_sink}");
        let planned: u64 = RECIPIENTS as u64;
        let status = self.workspace.mailrun(&["report", "letter", "--json"]).ends(0).json();
        assert_eq!(status["recipients"]["planned"], planned);
        assert_eq!(recipients_of(&status, "pending") + recipients_of(&status, "deferred"), 0);
        assert!(recipients_of(&status, "rejected") > 0 && recipients_of(&status, "expired") > 0, "{status}");
        format!("{}: {RECIPIENTS} recipients as both servers logged them: {counts:?}", self.mode)
    }
}

/// What is wrong with a line of the report, by the log of the server it names.
fn fault(fate: &Fate, postfix: &PostfixLog, sink: &HashMap<String, Vec<String>>) -> Option<&'static str> {
    let none = Vec::new();
    let by_sink = sink.get(&fate.email).unwrap_or(&none);
    let by_postfix = postfix.sent.get(&fate.email).map_or(&[][..], Vec::as_slice);
    let refused = postfix.refused.get(&fate.email).map_or(&[][..], Vec::as_slice);
    let all_are = |code: u16| !refused.is_empty() && refused.iter().all(|refusal| *refusal == code);
    let kind = fate.email.split('-').next().unwrap_or_default();
    let is_right = match (fate.state.as_str(), fate.relay.as_str()) {
        ("accepted", "sink") => {
            by_postfix.is_empty() && refused.is_empty() && *by_sink == [fate.bare_message_id()]
        }
        ("accepted", "postfix") => match by_postfix {
            [sent] => {
                by_sink.is_empty()
                    && (sent.queue_id.as_str(), sent.message_id.as_str())
                        == (fate.queue_id.as_str(), fate.bare_message_id())
                    && (kind != "grey" || all_are(450))
                    && (kind == "grey" || refused.is_empty())
            }
            _ => false,
        },
        ("rejected", "postfix") => {
            kind == "gone"
                && all_are(550)
                && by_postfix.is_empty()
                && by_sink.is_empty()
                && (fate.code.as_str(), fate.enhanced.as_str()) == ("550", "5.1.1")
        }
        ("expired", "postfix") => {
            kind == "later"
                && all_are(450)
                && refused.len() >= 2
                && by_postfix.is_empty()
                && by_sink.is_empty()
                && fate.class == "recipient_temporary"
        }
        _ => return Some("nobody ends in this state"),
    };
    (!is_right).then_some("the server's log says otherwise")
}

/// Mostly people who are there, and the other kinds spread evenly among them.
fn list() -> String {
    let mut list = String::from("email,first_name\n");
    for number in 0..RECIPIENTS {
        let kind = if number % 25 == 7 {
            "gone"
        } else if number % 250 == 11 {
            "later"
        } else if number % 200 == 13 {
            "grey"
        } else {
            "person"
        };
        writeln!(list, "{kind}-{number}@example.net,Person {number}").expect("a text takes what is written");
    }
    list
}
