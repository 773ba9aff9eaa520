//! Debian's Exim, over TLS and logged in: what mailrun reports of each recipient is what its log says.
//!
//! Exim takes seven recipients a transaction, 40 messages a session and three sessions at once, of which it
//! tells in the clear on its TLS port; it suffers no syntax error and one unknown command. See `exim.sh`.

use std::collections::HashMap;

use crate::exim_log;
use crate::letters::{Corpus, LETTERS};
use crate::server::Server;
use crate::server_log::Refusal;
use crate::stage::Workspace;
use crate::trial::{Chunking, Manners, Mode, RECIPIENTS_PER_MESSAGE, Trial, WINDOW};

const PASSWORD: &[(&str, &str)] = &[("EXIM_PASSWORD", "rosebud")];
/// What Exim says of a session that has sent as many messages as it may.
const USED_UP: &str = "too many messages in one connection";

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn personal_mail_is_reported_as_exim_logged_it() {
    // mailrun would go on to a hundred, and is stopped at forty.
    let (figures, log) = try_it(Mode::Personal, Chunking::Hidden, "");
    assert!(log.contains(USED_UP), "the limit of messages was met");
    println!("{figures}");
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn personal_mail_in_chunks_is_reported_as_exim_logged_it() {
    let (figures, log) = try_it(Mode::Personal, Chunking::Shown, "messages_per_session = 40\n");
    assert!(!log.contains(USED_UP), "a session ends before the server's limit");
    println!("{figures}");
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn grouped_mail_is_reported_as_exim_logged_it() {
    let (figures, log) = try_it(Mode::Grouped, Chunking::Shown, "messages_per_session = 40\n");
    assert!(!log.contains(USED_UP), "a session ends before the server's limit");
    println!("{figures}");
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn every_letter_is_taken_by_exim() {
    for chunking in [Chunking::Hidden, Chunking::Shown] {
        let exim = start(chunking);
        // Its limits are not what this is about.
        let modest = relay(&exim).replace("sessions = 8", "sessions = 3\nmessages_per_session = 40");
        let corpus = Corpus::write(&modest.replace("relays.exim", "relays.desk"));
        corpus.send(PASSWORD);
        corpus.was_taken(&exim.log("log/main", exim_log::read));
        println!("exim, chunking {}: {LETTERS} letters taken", chunking.word());
    }
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn a_wrong_password_is_said_once() {
    let exim = start(Chunking::Hidden);
    let workspace = Workspace::letter(20);
    workspace.write("campaigns/relays.toml", relay(&exim).replace("relays.exim", "relays.desk"));
    let run = workspace.start_with(&[("EXIM_PASSWORD", "canary")], &["send", "letter", "--yes"]).wait();
    run.ends(12).says("535").never_says("canary");
    let log = exim.read("log/main");
    assert_eq!(log.matches("authenticator failed").count(), 1, "{log}");
    assert_eq!(log.matches(" <= ").count(), 0, "{log}");
}

fn start(chunking: Chunking) -> Server {
    Server::start("exim4-daemon-light", "exim.sh", &[chunking.word()])
}

fn relay(exim: &Server) -> String {
    format!(
        "[relays.exim]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"implicit\"\ntls_ca = \"{}\"\n\
         user = \"news\"\npassword = {{ env = \"EXIM_PASSWORD\" }}\nsessions = 8\n\
         recipients_per_message = {RECIPIENTS_PER_MESSAGE}\nwindow = {WINDOW}\n",
        exim.port,
        exim.authority.display()
    )
}

/// Sends with more settings of the relay, and compares. Returns the figures, and Exim's log.
fn try_it(mode: Mode, chunking: Chunking, settings: &str) -> (String, String) {
    let exim = start(chunking);
    let trial = Trial::new(mode, &(relay(&exim) + settings), &["exim"]);
    trial.send(PASSWORD);
    let log = exim.log("log/main", exim_log::read);
    let manners = Manners {
        gone: Refusal::new(550, "5.1.1"),
        later: Refusal::new(450, "4.2.1"),
        grey: Refusal::new(451, "4.7.1"),
    };
    let figures = trial.compare(&HashMap::from([("exim", log)]), &manners);
    let text = exim.read("log/main");
    assert!(text.contains("too many connections from that IP address"), "the limit was met");
    for offence in ["syntax or protocol error", "unrecognized command", "synchronization error"] {
        assert!(!text.contains(offence), "{offence} in Exim's log");
    }
    (format!("exim, chunking {}: {figures}", chunking.word()), text)
}
