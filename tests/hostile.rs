//! Servers that mean harm cost a session, never the run, and little memory.
//!
//! A pool works through batches against a server that is well-behaved up to a point and hostile from there on.
//! Every batch must come back settled exactly once, nobody accepted whom the server never took, and a
//! session must take less than 64 KiB beside its messages, whatever is thrown at it.

use std::alloc::System;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cap::Cap;
use mailrun::mail::{
    Address, Batch, BatchId, Digest, Envelope, Gate, Intent, Message, Outcome, RecipientNo, Refused, RelayNo,
    RunNo, Settled, Ticket,
};
use mailrun::relay::{RelayPool, RelaySettings, Report, Reports, Submit, Unsendable, Work};
use mailrun::smtp::{ClearTo, Security, Timeouts};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

/// Counts what is allocated, by everything in this process.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a server announces.
const GROUPED: &str = "250-mx\r\n250 PIPELINING\r\n";
const STREAMED: &str = "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n";

/// What a server does from a step on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// A reply of lines without end.
    EndlessReply,
    /// A line without end.
    EndlessLine,
    /// Octets that are no text.
    Noise,
    /// The connection is reset.
    Reset,
    /// The connection is closed.
    Close,
    /// Two replies where one is due.
    Twice,
    /// A reply that belongs elsewhere.
    Misplaced,
    /// Lines of one reply with different codes.
    Mixed,
    /// The beginning of a TLS record, and a reset.
    HalfARecord,
}

const HARMS: [Harm; 9] = [
    Harm::EndlessReply,
    Harm::EndlessLine,
    Harm::Noise,
    Harm::Reset,
    Harm::Close,
    Harm::Twice,
    Harm::Misplaced,
    Harm::Mixed,
    Harm::HalfARecord,
];

/// Octets of an endless reply: ten thousand million, had anybody the patience.
const ENDLESS: u64 = 10_000_000_000;

/// Where a server turns hostile: instead of the reply to this command.
const STEPS: [&str; 7] = ["connect", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "."];

/// Does `harm` on a connection; the number of octets that the client took.
async fn harm(stream: &mut TcpStream, harm: Harm) -> io::Result<u64> {
    let piece = match harm {
        Harm::EndlessReply => "250-and so on\r\n".repeat(400),
        Harm::EndlessLine => "2".repeat(8_000),
        Harm::Noise => "\u{1}\u{2}\u{7}\u{1b}[2J\0\r\n".to_owned(),
        Harm::Twice => "250 ok\r\n250 ok\r\n250 and another\r\n250 and another\r\n250 ok\r\n".to_owned(),
        Harm::Misplaced => "334 dGhlIHdyb25nIGRvb3I=\r\n".to_owned(),
        Harm::Mixed => "250-one\r\n354-two\r\n250 three\r\n".to_owned(),
        Harm::HalfARecord => "\u{16}\u{3}\u{3}\u{7f}".to_owned(),
        Harm::Reset | Harm::Close => String::new(),
    };
    let mut sent = 0;
    let endless = matches!(harm, Harm::EndlessReply | Harm::EndlessLine);
    loop {
        stream.write_all(piece.as_bytes()).await?;
        sent += piece.len() as u64;
        if !endless || sent >= ENDLESS {
            break;
        }
    }
    if matches!(harm, Harm::Reset | Harm::HalfARecord) {
        socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
    } else if harm != Harm::Close {
        // The client is the one to leave.
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
    }
    Ok(sent)
}

/// Serves one connection, and does harm instead of the reply to `step`. The second and later connections are
/// served as they should be, so that the run can go on.
async fn serve(stream: TcpStream, announced: &str, step: &str, hostile: Option<Harm>) -> io::Result<u64> {
    let mut lines = BufReader::new(stream);
    let (mut heard, mut content) = ("connect".to_owned(), false);
    loop {
        let verb = heard.split([' ', ':']).next().unwrap_or_default().to_owned();
        if let Some(octets) = heard.strip_prefix("BDAT ") {
            let size: usize = octets.split(' ').next().and_then(|size| size.parse().ok()).expect("a size");
            lines.read_exact(&mut vec![0; size]).await?;
        }
        if let Some(doing) = hostile
            && verb == step
            && (!content || verb == ".")
        {
            return harm(&mut lines.into_inner(), doing).await;
        }
        let reply = match (content, verb.as_str()) {
            (true, ".") => {
                content = false;
                "250 taken\r\n"
            }
            (true, _) => "",
            (false, "connect") => "220 a\r\n",
            (false, "EHLO") => announced,
            (false, "DATA") => {
                content = true;
                "354 go\r\n"
            }
            (false, "QUIT") => "221 bye\r\n",
            (false, _) => "250 ok\r\n",
        };
        lines.write_all(reply.as_bytes()).await?;
        heard.clear();
        if lines.read_line(&mut heard).await? == 0 {
            return Ok(0);
        }
        heard.truncate(heard.trim_end().len());
    }
}

struct Open;

impl Gate for Open {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        Ok(Ticket::new(intent.batch.id, std::future::ready(Ok(()))))
    }
}

fn batch(number: u32) -> Batch {
    let id = BatchId { run: RunNo(1), number, part: 0 };
    Batch { id, attempt: 1, date: None, recipients: [RecipientNo(number)].into() }
}

fn message(batch: Batch) -> Message {
    let address = |text: &str| Address::parse(text).expect("an address");
    let envelope = Envelope {
        reverse_path: Some(address("s@x.example")),
        forward_paths: [address("a@x.example")].into(),
        notify: None,
    };
    let octets = Bytes::from_static(b"Subject: x\r\n\r\nx\r\n");
    Message { batch, envelope, octets, digest: Digest([0; 16]), eight_bit: false, tail: Vec::new() }
}

/// How a run went.
struct Ran {
    settled: Vec<Settled>,
    /// Octets that the hostile connections took of what was thrown at them.
    taken: u64,
}

/// Sends `count` batches over `sessions` sessions to a server whose first `hostile` connections do harm.
async fn run(announced: &'static str, step: &'static str, doing: Harm, counts: (u32, usize, usize)) -> Ran {
    let (count, sessions, hostile) = counts;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let server = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        let mut taken = 0;
        let mut number = 0;
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted.expect("a client");
                    number += 1;
                    let doing = (number <= hostile).then_some(doing);
                    connections.spawn(async move { serve(stream, announced, step, doing).await.unwrap_or(0) });
                }
                Some(sent) = connections.join_next() => taken = taken.max(sent.expect("no panic")),
                else => return taken,
            }
        }
    });
    let settings = RelaySettings {
        security: Security::Clear,
        clear_to: ClearTo::Loopback,
        sessions,
        timeouts: Timeouts { quit: Duration::from_millis(200), ..Timeouts::default() },
        ..RelaySettings::new("127.0.0.1", port)
    };
    let (sender, batches) = async_channel::unbounded();
    (0..count).for_each(|number| sender.try_send(batch(number)).expect("room"));
    sender.close();
    let (reporter, mut reports) = unbounded_channel();
    let work = Work::new(batches, Arc::new(|batch| Ok::<_, Unsendable>(message(batch))));
    let pool = Arc::new(RelayPool::new(settings).expect("settings"));
    let drive = pool.drive(work, Arc::new(Open), Reports::new(RelayNo(0), reporter));
    timeout(Duration::from_mins(1), drive).await.expect("the run goes on and ends");
    let mut settled = Vec::new();
    while let Some(report) = reports.recv().await {
        if let Report::Settled(one) = report {
            settled.push(one);
        }
    }
    server.abort();
    let taken = server.await.unwrap_or(0);
    Ran { settled, taken }
}

#[tokio::test]
async fn whatever_a_server_does_at_any_step_every_batch_is_settled_once() {
    for announced in [GROUPED, STREAMED] {
        for step in STEPS {
            for doing in HARMS {
                let ran = run(announced, step, doing, (6, 2, 1)).await;
                let mut numbers: Vec<u32> = ran.settled.iter().map(|one| one.batch.id.number).collect();
                numbers.sort_unstable();
                assert_eq!(numbers, (0..6).collect::<Vec<_>>(), "{doing:?} instead of the reply to {step}");
                for one in &ran.settled {
                    let open = one.deliveries.iter().any(|delivery| {
                        matches!(delivery.outcome, Outcome::Accepted(_) | Outcome::Uncertain(_))
                    });
                    assert!(!open || one.intended, "{doing:?} instead of the reply to {step}: {one:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_accepted_because_a_server_says_so_too_early() {
    // Two replies to DATA: the second would be the one to the dot, had it left by then.
    let ran = run(GROUPED, "DATA", Harm::Twice, (1, 1, 1)).await;
    let outcome = &ran.settled[0].deliveries[0].outcome;
    assert!(matches!(outcome, Outcome::Returned(_)), "{outcome:?}");
}

/// Octets that a session may take beside its messages.
const SESSION: usize = 64 * 1024;

#[tokio::test]
async fn a_session_takes_little_memory_whatever_is_thrown_at_it() {
    const SESSIONS: usize = 50;
    for doing in [Harm::EndlessReply, Harm::EndlessLine] {
        let before = ALLOCATOR.allocated();
        let peak = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let watch = {
            let peak = Arc::clone(&peak);
            tokio::spawn(async move {
                loop {
                    peak.fetch_max(ALLOCATOR.allocated(), std::sync::atomic::Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        };
        let count = u32::try_from(SESSIONS).expect("few");
        let ran = run(STREAMED, "MAIL", doing, (count, SESSIONS, usize::MAX)).await;
        watch.abort();
        assert_eq!(ran.settled.len(), SESSIONS);
        assert!(ran.taken < 16 << 20, "{} octets were read", ran.taken);
        // The server's own side of each connection is in this process too.
        let most = SESSIONS * (SESSION + 24 * 1024);
        let took = peak.load(std::sync::atomic::Ordering::Relaxed).saturating_sub(before);
        assert!(took < most, "{took} octets for {SESSIONS} sessions, {most} are enough");
    }
}
