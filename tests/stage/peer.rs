//! A small SMTP server inside the test, with a habit.
//!
//! Written apart from the sandbox on purpose: what both agree on is not one misreading of RFC 5321. It
//! answers a command at a time, announces PIPELINING, and keeps what it takes. It is slow and takes a thread
//! a connection: for a handful of messages.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How long a test waits for a client to reach a point.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// As it should.
    Takes,
    /// Refuses every login with 535.
    RefusesLogin,
    /// Greets in the words of another protocol.
    TalksNonsense,
    /// Closes the connection behind the reply to each message.
    ClosesAfterEachMessage,
    /// Takes the message and never answers the final dot.
    NeverAnswersTheDot,
}

/// One message that a peer took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// From MAIL, without angle brackets.
    pub(crate) reverse_path: String,
    /// From RCPT, without angle brackets, in their order.
    pub(crate) recipients: Vec<String>,
    /// The message, dots unstuffed, lines ended by LF.
    pub(crate) content: String,
}

impl Taken {
    /// The values of a header field, unfolded.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let head =
            self.content.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }
}

/// What a peer has seen so far.
#[derive(Debug, Default)]
struct Seen {
    taken: Vec<Taken>,
    /// Messages that were taken without a word.
    unanswered: Vec<Taken>,
    dots: usize,
    logins: usize,
    connections: usize,
    /// What a client did that no client may do.
    offences: Vec<String>,
}

/// The server. Its threads end with the test process.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Peer {
    /// Starts one.
    pub(crate) fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback interface");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let peer = Self { seen: Arc::default(), port };
        let server = peer.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || {
                    // A client that goes away in the middle is what some tests are about.
                    if let Err(error) = server.converse(stream, habit)
                        && error.kind() == ErrorKind::InvalidData
                    {
                        server.note(|seen| seen.offences.push(error.to_string()));
                    }
                });
            }
        });
        peer
    }

    /// The messages it has taken so far; checks that what came was SMTP.
    #[track_caller]
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let seen = self.look();
        assert!(seen.offences.is_empty(), "the client broke RFC 5321: {:?}", seen.offences);
        seen.taken.clone()
    }

    /// The messages whose final dot it never answered.
    pub(crate) fn unanswered(&self) -> Vec<Taken> {
        self.look().unanswered.clone()
    }

    /// Everybody it has accepted a message for, sorted; those who were written to twice stand there twice.
    pub(crate) fn recipients(&self) -> Vec<String> {
        let mut all: Vec<String> = self.taken().into_iter().flat_map(|message| message.recipients).collect();
        all.sort();
        all
    }

    /// How often a client tried to log in.
    pub(crate) fn logins(&self) -> usize {
        self.look().logins
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.look().connections
    }

    /// Waits until a client has sent a final dot.
    #[track_caller]
    pub(crate) fn wait_for_a_dot(&self) {
        let (_, changed) = &*self.seen;
        let (seen, _) = changed
            .wait_timeout_while(self.look(), PATIENCE, |seen| seen.dots == 0)
            .expect("no thread of a peer panics while it looks");
        assert!(seen.dots > 0, "no client sent a final dot");
    }

    fn look(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().expect("no thread of a peer panics while it looks")
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.look());
        self.seen.1.notify_all();
    }

    fn converse(&self, stream: TcpStream, habit: Habit) -> Result<()> {
        self.note(|seen| seen.connections += 1);
        stream.set_nodelay(true)?;
        let mut conversation = Conversation::new(stream)?;
        if habit == Habit::TalksNonsense {
            return conversation.say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n");
        }
        conversation.say("220 peer.test ESMTP")?;
        while let Some(line) = conversation.hear()? {
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => conversation.say("250-peer.test\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN")?,
                "AUTH" => {
                    self.note(|seen| seen.logins += 1);
                    conversation.log_in(&line, habit)?;
                }
                "MAIL" => conversation.mail(&line)?,
                "RCPT" => conversation.rcpt(&line)?,
                "DATA" => {
                    let taken = conversation.data()?;
                    if habit == Habit::NeverAnswersTheDot {
                        self.note(|seen| {
                            seen.unanswered.push(taken);
                            seen.dots += 1;
                        });
                        // Silence until the client goes away; what it sends meanwhile is not heard.
                        while conversation.hear()?.is_some() {}
                        return Ok(());
                    }
                    self.note(|seen| {
                        seen.taken.push(taken);
                        seen.dots += 1;
                    });
                    conversation.say("250 2.0.0 taken")?;
                    if habit == Habit::ClosesAfterEachMessage {
                        return Ok(());
                    }
                }
                "QUIT" => return conversation.say("221 2.0.0 bye"),
                "RSET" | "NOOP" | "HELO" => conversation.say("250 2.0.0 ok")?,
                _ => conversation.say("500 5.5.1 not understood")?,
            }
        }
        Ok(())
    }
}

/// One connection: who is written to at the moment, and the line itself.
struct Conversation {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    reverse_path: String,
    recipients: Vec<String>,
}

impl Conversation {
    fn new(stream: TcpStream) -> Result<Self> {
        let writer = stream.try_clone()?;
        let reader = BufReader::new(stream);
        Ok(Self { reader, writer, reverse_path: String::new(), recipients: Vec::new() })
    }

    fn say(&mut self, reply: &str) -> Result<()> {
        self.writer.write_all(format!("{reply}\r\n").as_bytes())
    }

    /// The next line without its CRLF; none once the client has gone.
    fn hear(&mut self) -> Result<Option<String>> {
        let mut octets = Vec::new();
        if self.reader.read_until(b'\n', &mut octets)? == 0 {
            return Ok(None);
        }
        let Some(line) = octets.strip_suffix(b"\r\n") else {
            return Err(offence("a line that does not end in CRLF"));
        };
        if line.iter().any(|octet| [b'\r', 0].contains(octet)) {
            return Err(offence("a bare CR or a NUL"));
        }
        // RFC 5321, 4.5.3.1.6, and one for the dot that stuffing adds.
        if line.len() > 999 {
            return Err(offence("a line of more than 998 octets"));
        }
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    fn log_in(&mut self, line: &str, habit: Habit) -> Result<()> {
        if line.to_ascii_uppercase().starts_with("AUTH LOGIN") {
            // RFC 4954, 4: the prompts are base64 of "Username:" and "Password:".
            for prompt in ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"] {
                self.say(&format!("334 {prompt}"))?;
                self.hear()?;
            }
        } else if line.split(' ').count() < 3 {
            self.say("334 ")?;
            self.hear()?;
        }
        match habit {
            Habit::RefusesLogin => self.say("535 5.7.8 authentication credentials invalid"),
            Habit::Takes
            | Habit::TalksNonsense
            | Habit::ClosesAfterEachMessage
            | Habit::NeverAnswersTheDot => self.say("235 2.7.0 welcome"),
        }
    }

    fn mail(&mut self, line: &str) -> Result<()> {
        self.reverse_path = path(line);
        self.recipients.clear();
        self.say("250 2.1.0 ok")
    }

    fn rcpt(&mut self, line: &str) -> Result<()> {
        self.recipients.push(path(line));
        self.say("250 2.1.5 ok")
    }

    fn data(&mut self) -> Result<Taken> {
        self.say("354 go on")?;
        let mut content = String::new();
        loop {
            let line = self.hear()?.ok_or(ErrorKind::UnexpectedEof)?;
            if line == "." {
                break;
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
            content.push('\n');
        }
        let recipients = std::mem::take(&mut self.recipients);
        Ok(Taken { reverse_path: std::mem::take(&mut self.reverse_path), recipients, content })
    }
}

fn offence(words: &str) -> Error {
    Error::new(ErrorKind::InvalidData, words)
}

/// What stands between the angle brackets of MAIL or RCPT.
fn path(line: &str) -> String {
    let start = line.find('<').map_or(0, |at| at + 1);
    let end = line.find('>').unwrap_or(line.len());
    line[start..end].to_owned()
}
