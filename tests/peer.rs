//! The peer that other tests lean on, driven by a client we did not write.

#[allow(dead_code, unused_imports, reason = "each test crate uses its part of the stage")]
mod stage;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Message, SmtpTransport, Transport};

use stage::{Habit, Peer};

fn message() -> Message {
    let mailbox = |text: &str| text.parse::<Mailbox>().expect("a mailbox");
    Message::builder()
        .from(mailbox("News <news@example.com>"))
        .to(mailbox("ada@example.net"))
        .subject(
            "a subject that is long enough to be folded over two lines when it is written, as this one is",
        )
        .body(String::from("one\r\n.two\r\n"))
        .expect("a message")
}

#[test]
fn a_peer_keeps_what_it_takes() {
    let peer = Peer::start(Habit::Takes);
    let client = SmtpTransport::builder_dangerous("127.0.0.1").port(peer.port).build();
    client.send(&message()).expect("taken");
    let taken = peer.taken().remove(0);
    assert_eq!(taken.reverse_path, "news@example.com");
    assert_eq!(taken.recipients, ["ada@example.net"]);
    assert!(taken.content.contains("\n\none\n.two\n"), "{}", taken.content);
    assert_eq!(taken.header("to"), ["ada@example.net"]);
    assert!(taken.header("Subject")[0].ends_with("as this one is"));
    assert_eq!((peer.connections(), peer.logins()), (1, 0));
}

#[test]
fn a_peer_refuses_a_login_and_talks_nonsense() {
    for habit in [Habit::RefusesLogin, Habit::TalksNonsense] {
        let peer = Peer::start(habit);
        let client = SmtpTransport::builder_dangerous("127.0.0.1")
            .port(peer.port)
            .credentials(Credentials::new("news".into(), "secret".into()))
            .build();
        assert!(client.send(&message()).is_err());
        assert_eq!(peer.logins(), usize::from(habit == Habit::RefusesLogin));
        assert!(peer.taken().is_empty());
    }
}
