//! Sessions at work over a stream in memory, in virtual time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant;

use super::super::specimen::{CHUNKING, OpenGate, PIPELINING, Server, loopback, message, show, target};
use super::super::transcript::Transcript;
use super::*;
use crate::mail::Gate;

/// An errand over a list; endings are kept where a test can see them after the session is gone.
struct List {
    messages: VecDeque<Message>,
    gate: Box<dyn Gate>,
    endings: Arc<Mutex<Vec<String>>>,
    /// What comes after the last message.
    after: After,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Silence,
}

impl List {
    fn new(count: u32, after: After) -> Self {
        let messages = (1..=count).map(|number| message(number, &["a@x.example"], "x\r\n")).collect();
        Self { messages, gate: Box::new(OpenGate), endings: Arc::default(), after }
    }
}

impl Errand for List {
    fn try_next(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    async fn next(&mut self) -> Option<Message> {
        match (self.messages.pop_front(), self.after) {
            (Some(message), _) => Some(message),
            (None, After::Nothing) => None,
            (None, After::Silence) => std::future::pending().await,
        }
    }

    fn intend(&mut self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        self.gate.intend(intent)
    }

    fn end(&mut self, ending: Ending) {
        self.endings.lock().expect("whole").push(show(&ending));
    }
}

/// A gate that never comes to an answer.
struct Slow;

impl Gate for Slow {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        Ok(Ticket::new(intent.batch.id, std::future::pending()))
    }
}

/// A gate that refuses everything.
struct Closed;

impl Gate for Closed {
    fn intend(&self, _intent: Intent<'_>) -> Result<Ticket, Refused> {
        Err(Refused::Stopping)
    }
}

const GROUP: &str = "MAIL FROM:<s@x.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n";
const ENVELOPE_TAKEN: &str = "250 ok\r\n250 ok\r\n354 go\r\n";

fn terms() -> Terms {
    Terms {
        relay: RelayNo(0),
        refusals: Refusals::Free,
        manner: Manner::default(),
        idle: Duration::from_secs(30),
    }
}

async fn open() -> (Session<DuplexStream>, Server<DuplexStream>) {
    open_to(PIPELINING).await
}

/// A session with a server that announces `ehlo`.
async fn open_to(ehlo: &str) -> (Session<DuplexStream>, Server<DuplexStream>) {
    let (client, server) = duplex(4096);
    let mut server = Server::new(server);
    let script = [("", "220 a\r\n"), ("EHLO client.example\r\n", ehlo)];
    let (target, mut transcript) = (target(), Transcript::discarded());
    let (session, ()) =
        tokio::join!(Session::begin(client, loopback(), &target, &mut transcript), server.play(&script));
    (session.expect("open"), server)
}

/// How a session ended, what it settled, how long it took, and what the server came to.
struct Played<T> {
    close: Close,
    endings: Vec<String>,
    took: Duration,
    output: T,
}

/// Drives `errand` against a server that plays `script`, then `then`.
async fn drive<F: Future>(
    mut errand: List,
    script: &[(&str, &str)],
    then: impl FnOnce(Server<DuplexStream>) -> F,
) -> Played<F::Output> {
    let (session, mut server) = open().await;
    let endings = Arc::clone(&errand.endings);
    let play = async {
        server.play(script).await;
        then(server).await
    };
    let terms = terms();
    let begun = Instant::now();
    let work = async { (session.drive(&terms, &mut errand).await, begun.elapsed()) };
    let ((close, took), output) = tokio::join!(work, play);
    let endings = endings.lock().expect("whole").clone();
    Played { close, endings, took, output }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_quit_when_nothing_is_left() {
    let script = [
        (GROUP, ENVELOPE_TAKEN),
        (
            "x\r\n.\r\nMAIL FROM:<s@x.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n",
            "250 1\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        ),
        ("x\r\n.\r\n", "250 2\r\n"),
        ("QUIT\r\n", "221 bye\r\n"),
    ];
    let Played { close, endings, .. } = drive(List::new(2, After::Nothing), &script, |_| async {}).await;
    assert!(matches!(close, Close::Finished), "{close:?}");
    assert_eq!(endings, ["1*: 250 End", "2*: 250 End"]);
}

#[tokio::test(start_paused = true)]
async fn the_reply_to_the_dot_is_awaited_for_ten_minutes() {
    let script = [(GROUP, ENVELOPE_TAKEN), ("x\r\n.\r\n", "")];
    let Played { close, endings, took, .. } =
        drive(List::new(1, After::Nothing), &script, Server::rest).await;
    assert!(matches!(close, Close::Failed(SmtpError::TimedOut { phase: Phase::End, .. })), "{close:?}");
    assert_eq!(endings, ["1*: uncertain TimedOut"]);
    assert_eq!(took.as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_trickles_is_late_all_the_same() {
    let trickle = |mut server: Server<DuplexStream>| async move {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            if server.try_say("2").await.is_err() {
                return;
            }
        }
    };
    let script = [(GROUP, "250 ok\r\n")];
    let Played { close, endings, took, .. } = drive(List::new(1, After::Nothing), &script, trickle).await;
    assert!(matches!(close, Close::Failed(SmtpError::TimedOut { phase: Phase::Rcpt, .. })), "{close:?}");
    assert_eq!(endings, ["1: lost"]);
    assert!(took.as_secs() <= 361);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_is_given_up_after_three_minutes() {
    let mut errand = List::new(0, After::Nothing);
    errand.messages.push_back(message(1, &["a@x.example"], &"x\r\n".repeat(9000)));
    let script = [(GROUP, ENVELOPE_TAKEN)];
    let hold = |server| async move {
        tokio::time::sleep(Duration::from_hours(1)).await;
        drop(server);
    };
    let Played { close, endings, took, .. } = drive(errand, &script, hold).await;
    assert!(matches!(close, Close::Failed(SmtpError::TimedOut { phase: Phase::End, .. })), "{close:?}");
    assert_eq!(endings, ["1*: uncertain TimedOut"]);
    assert_eq!(took.as_secs(), 180);
}

#[tokio::test(start_paused = true)]
async fn replies_are_read_while_a_server_takes_nothing_until_they_are() {
    let paths: Vec<String> = (0..500).map(|number| format!("{number}@x.example")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut errand = List::new(0, After::Nothing);
    errand.messages.push_back(message(1, &paths, "x\r\n"));
    let (session, server) = open().await;
    let endings = Arc::clone(&errand.endings);
    // Answers each line before it reads the next; the stream holds 4 KiB either way.
    let play = async move {
        let (_, stream) = server.into_parts();
        let mut lines = tokio::io::BufReader::new(stream);
        loop {
            use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
            let mut line = String::new();
            if lines.read_line(&mut line).await.expect("a client") == 0 {
                return;
            }
            let reply = match line.as_str() {
                "DATA\r\n" => "354 go\r\n".to_owned(),
                "x\r\n" => continue,
                _ => format!("250 {}\r\n", "ok".repeat(200)),
            };
            lines.write_all(reply.as_bytes()).await.expect("a client");
        }
    };
    let terms = terms();
    let (close, ()) = tokio::join!(session.drive(&terms, &mut errand), play);
    assert!(matches!(close, Close::Finished), "{close:?}");
    assert_eq!(endings.lock().expect("whole").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_hears_the_server_go_and_leaves_by_itself() {
    let taken = [(GROUP, ENVELOPE_TAKEN), ("x\r\n.\r\n", "250 1\r\n")];
    let Played { close, took, output: heard, .. } =
        drive(List::new(1, After::Silence), &taken, Server::rest).await;
    assert!(matches!(close, Close::Idle), "{close:?}");
    assert!(heard.ends_with("x\r\n.\r\nQUIT\r\n"), "{heard}");
    assert_eq!(took.as_secs(), 35, "30 s idle, 5 s for the reply to QUIT");

    let goodbye = |mut server: Server<DuplexStream>| async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        server.try_say("421 4.4.2 idle\r\n").await.expect("a client");
    };
    let Played { close, endings, .. } = drive(List::new(1, After::Silence), &taken, goodbye).await;
    assert!(matches!(close, Close::Failed(SmtpError::Refused { phase: Phase::Other, .. })), "{close:?}");
    assert_eq!(endings, ["1*: 250 End"]);

    let Played { close, .. } = drive(List::new(1, After::Silence), &taken, |_| async {}).await;
    assert!(matches!(close, Close::Failed(SmtpError::Lost { .. })), "{close:?}");
}

/// What the server plays before the drop, the gate, the endings.
type DropRow<'a> = (&'a [(&'a str, &'a str)], Box<dyn Gate>, &'a [&'a str]);

#[tokio::test(start_paused = true)]
async fn a_dropped_session_settles_what_it_holds() {
    let table: [DropRow<'_>; 4] = [
        (&[(GROUP, "")], Box::new(OpenGate), &["1: not sent"]),
        (&[(GROUP, ENVELOPE_TAKEN)], Box::new(Slow), &["1*: not sent", "2: not sent"]),
        (
            &[(GROUP, ENVELOPE_TAKEN), (GROUP, "")],
            Box::new(OpenGate),
            &["1*: uncertain Abandoned", "2: not sent"],
        ),
        (
            &[(GROUP, ENVELOPE_TAKEN), (GROUP, "250 1\r\n")],
            Box::new(OpenGate),
            &["1*: 250 End", "2: not sent"],
        ),
    ];
    for (script, gate, expected) in table {
        let (session, mut server) = open().await;
        let mut errand = List { gate, ..List::new(2, After::Silence) };
        let endings = Arc::clone(&errand.endings);
        let working = tokio::spawn(async move {
            session.drive(&terms(), &mut errand).await;
        });
        server.play(script).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        working.abort();
        assert!(working.await.is_err());
        assert_eq!(*endings.lock().expect("whole"), expected, "{script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_gate_closes_the_connection_without_a_dot() {
    let mut errand = List::new(1, After::Nothing);
    errand.gate = Box::new(Closed);
    let (session, mut server) = open().await;
    let endings = Arc::clone(&errand.endings);
    let working = tokio::spawn(async move { session.drive(&terms(), &mut errand).await });
    server.play(&[(GROUP, ENVELOPE_TAKEN)]).await;
    let close = working.await.expect("no panic");
    assert!(matches!(close, Close::HeldBack(Refused::Stopping)), "{close:?}");
    assert!(server.rest().await.ends_with("DATA\r\n"));
    assert_eq!(*endings.lock().expect("whole"), ["1: not sent"]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_heard_though_the_server_no_longer_reads() {
    // Half closed: our writes fail, its last words lie in the buffer.
    let bye = |mut server: Server<DuplexStream>| async move {
        server.try_say("451 4.3.0 not now\r\n421 bye\r\n").await.expect("a client");
    };
    let script = [(GROUP, ENVELOPE_TAKEN), ("x\r\n.\r\n", "")];
    let Played { close, endings, .. } = drive(List::new(1, After::Silence), &script, bye).await;
    assert!(matches!(close, Close::Failed(SmtpError::Refused { .. })), "{close:?}");
    assert_eq!(endings, ["1*: 451 End"]);
}

const PIECE: &str = "MAIL FROM:<s@x.example>\r\nRCPT TO:<a@x.example>\r\nBDAT 3 LAST\r\nx\r\n";
const PIECE_TAKEN: &str = "250 ok\r\n250 ok\r\n250 taken\r\n";
const NEXT_TAKEN: &str = "250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n";

/// A gate that permits at once up to a batch, and answers everything behind it in another way.
struct Until {
    last: u32,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    Never,
    Fail,
}

impl Gate for Until {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        let id = intent.batch.id;
        match (id.number <= self.last, self.then) {
            (true, _) => Ok(Ticket::new(id, std::future::ready(Ok(())))),
            (false, Then::Never) => Ok(Ticket::new(id, std::future::pending())),
            (false, Then::Fail) => {
                Ok(Ticket::new(id, std::future::ready(Err(Refused::Journal("disk".into())))))
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streamed_messages_wait_for_no_reply_once_the_server_has_shown_that_it_takes_them() {
    let (session, mut server) = open_to(CHUNKING).await;
    let mut errand = List::new(4, After::Nothing);
    let endings = Arc::clone(&errand.endings);
    let play = async {
        let next = format!("RSET\r\n{PIECE}");
        server.play(&[(PIECE, PIECE_TAKEN), (&next.repeat(2), "")]).await;
        server.play(&[("", &NEXT_TAKEN.repeat(2)), (&next, NEXT_TAKEN), ("QUIT\r\n", "221 bye\r\n")]).await;
    };
    let terms = terms();
    let (close, ()) = tokio::join!(session.drive(&terms, &mut errand), play);
    assert!(matches!(close, Close::Finished), "{close:?}");
    assert_eq!(*endings.lock().expect("whole"), [1, 2, 3, 4].map(|number| format!("{number}*: 250 End")));
}

#[tokio::test(start_paused = true)]
async fn no_message_waits_for_the_permit_of_one_behind_it() {
    let (session, mut server) = open_to(CHUNKING).await;
    let mut errand = List::new(3, After::Nothing);
    errand.gate = Box::new(Until { last: 2, then: Then::Never });
    let endings = Arc::clone(&errand.endings);
    let working = tokio::spawn(async move {
        session.drive(&terms(), &mut errand).await;
    });
    server.play(&[(PIECE, PIECE_TAKEN), (PIECE, NEXT_TAKEN)]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    working.abort();
    assert!(working.await.is_err());
    assert_eq!(*endings.lock().expect("whole"), ["1*: 250 End", "2*: 250 End", "3*: not sent"]);
}

#[tokio::test(start_paused = true)]
async fn what_has_left_is_answered_for_when_the_gate_lets_nothing_pass_any_more() {
    let (session, mut server) = open_to(CHUNKING).await;
    let mut errand = List::new(9, After::Silence);
    errand.gate = Box::new(Until { last: 2, then: Then::Fail });
    let endings = Arc::clone(&errand.endings);
    let play = server.play(&[(PIECE, PIECE_TAKEN), (PIECE, NEXT_TAKEN)]);
    let terms = terms();
    let (close, ()) = tokio::join!(session.drive(&terms, &mut errand), play);
    assert!(matches!(close, Close::HeldBack(Refused::Journal(_))), "{close:?}");
    assert_eq!(*endings.lock().expect("whole"), ["1*: 250 End", "3*: not sent", "2*: 250 End"]);
}
