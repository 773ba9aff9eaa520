//! Debian's `OpenSMTPD` behind STARTTLS: what mailrun reports of each recipient is what its log says.
//!
//! It announces no PIPELINING, so every command waits for its reply. It takes seven recipients a transaction
//! and 40 messages a session, and says before TLS that it can do nothing but STARTTLS. See `opensmtpd.sh`.

use std::collections::HashMap;

use crate::letters::{Corpus, LETTERS};
use crate::opensmtpd_log;
use crate::server::Server;
use crate::server_log::Refusal;
use crate::stage::free_port;
use crate::trial::{Manners, Mode, RECIPIENTS_PER_MESSAGE, Trial};

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn personal_mail_is_reported_as_opensmtpd_logged_it() {
    println!("{}", try_it(Mode::Personal));
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn grouped_mail_is_reported_as_opensmtpd_logged_it() {
    println!("{}", try_it(Mode::Grouped));
}

#[test]
#[ignore = "needs root and the layers of peers.sh: tests/run runs it"]
fn every_letter_is_taken_by_opensmtpd() {
    let opensmtpd = start();
    let corpus = Corpus::write(&relay(&opensmtpd).replace("relays.opensmtpd", "relays.desk"));
    corpus.send(&[]);
    corpus.was_taken(&opensmtpd.log("log", opensmtpd_log::read));
    println!("opensmtpd: {LETTERS} letters taken");
}

fn start() -> Server {
    let plain_port = free_port().to_string();
    Server::start("opensmtpd", "opensmtpd.sh", &[&plain_port])
}

fn relay(opensmtpd: &Server) -> String {
    format!(
        "[relays.opensmtpd]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"starttls\"\ntls_ca = \"{}\"\n\
         sessions = 8\nmessages_per_session = 40\nrecipients_per_message = {RECIPIENTS_PER_MESSAGE}\n",
        opensmtpd.port,
        opensmtpd.authority.display()
    )
}

/// Sends, and compares. Returns the figures.
fn try_it(mode: Mode) -> String {
    let opensmtpd = start();
    let trial = Trial::new(mode, &relay(&opensmtpd), &["opensmtpd"]);
    trial.send(&[]);
    let log = opensmtpd.log("log", opensmtpd_log::read);
    let manners = Manners {
        gone: Refusal::new(550, ""),
        later: Refusal::new(450, "4.2.1"),
        grey: Refusal::new(451, "4.7.1"),
    };
    let figures = trial.compare(&HashMap::from([("opensmtpd", log)]), &manners);
    let text = opensmtpd.read("log");
    assert!(!text.contains("Too many messages sent"), "a session ends before the server's limit");
    format!("opensmtpd: {figures}")
}
