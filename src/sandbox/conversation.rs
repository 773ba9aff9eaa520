//! The server's side of an SMTP session, without a socket or a clock: octets in, octets out.
//!
//! [`Conversation::receive`] takes what has come, however the network cut it, and puts replies, log
//! lines and messages into an [`Output`]; the caller writes the log first, then the replies. All that one
//! read brought is answered in one write. Commands in groups (RFC 2920) need no code of their own: a
//! group is only a read with several commands in it, and content may be the first of them. Login, MAIL and
//! RCPT are in `envelope`, content and its end in `data`.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Books, Counters};
use super::command::{self, Command, Misspoken};
use super::content::Transparency;
use super::login::Login;
use super::mailbox::{Gather, Kept, Wants};
use super::persona::{DropAt, Persona, Refusal};
use super::transaction::Transaction;

mod data;
mod envelope;
#[cfg(test)]
mod tests;

use data::Chunk;

/// RFC 4954, 4: octets of the longest command line, AUTH's.
pub(super) const LINE_LIMIT: usize = 12_288;
/// The login of those who did not log in, as the log shows it.
const NOBODY: &str = "-";

/// What all conversations of one server share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) persona: Persona,
    pub(super) books: Arc<Books>,
    pub(super) wants: Wants,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The replies leave, then the connection is closed in order.
    Closed,
    /// The replies leave, then the connection is gone.
    HungUp,
}

/// What follows from octets received.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Lines for the log of acceptances, to be written before the replies.
    pub(super) log: Vec<u8>,
    /// Replies, to leave in one write.
    pub(super) replies: Vec<u8>,
    /// Messages for the mailbox.
    pub(super) kept: Vec<Kept>,
    /// Nothing more is read.
    pub(super) ending: Option<Ending>,
}

/// One session.
#[derive(Debug)]
pub(super) struct Conversation {
    house: Arc<House>,
    /// Counts the sessions of the server; part of the queue ids.
    number: u64,
    step: Step,
    greeted: bool,
    account: Arc<str>,
    logged_in: bool,
    transaction: Transaction,
    transparency: Transparency,
    gather: Gather,
    /// Messages taken in this session.
    taken: u64,
    counted: Counters,
}

/// What the next octets are.
#[derive(Debug)]
enum Step {
    /// A command line.
    Command,
    /// A line of a login.
    Login(Login),
    /// The content after DATA.
    Content,
    /// The octets of a BDAT.
    Chunk(Chunk),
    /// The rest of a line that is too long.
    Overlong,
}

impl Conversation {
    pub(super) fn new(house: Arc<House>, number: u64) -> Self {
        Self {
            house,
            number,
            step: Step::Command,
            greeted: false,
            account: NOBODY.into(),
            logged_in: false,
            transaction: Transaction::default(),
            transparency: Transparency::new(),
            gather: Gather::Nothing,
            taken: 0,
            counted: Counters::default(),
        }
    }

    /// The greeting, when `open` sessions are open with this one.
    pub(super) fn greet(&mut self, open: u64, out: &mut Output) {
        let persona = &self.house.persona;
        if persona.nonsense {
            out.replies.extend_from_slice(b"220x this is not the protocol you are looking for\x07\r\n");
        } else if persona.max_sessions.is_some_and(|most| open > most.get()) {
            self.reply(out, "421", "4.7.0", "Too many concurrent SMTP connections");
            out.ending = Some(Ending::Closed);
        } else if !self.hangs_up(DropAt::Greeting, out) {
            let greeting = format!("{} ESMTP mailrun sandbox, delivers nothing", self.house.persona.name);
            self.reply(out, "220", "", &greeting);
        }
        self.enter(out);
    }

    /// Takes octets and tells how many it used up; the rest is the beginning of a line and must be
    /// given again with what follows it. `now` is the time since the server began.
    pub(super) fn receive(&mut self, octets: &[u8], now: Duration, out: &mut Output) -> usize {
        let mut at = 0;
        while out.ending.is_none() {
            let rest = &octets[at..];
            let used = match self.step {
                Step::Content => self.content(rest, now, out),
                Step::Chunk(chunk) => self.chunk(chunk, rest, now, out),
                Step::Command | Step::Login(_) | Step::Overlong => self.line(rest, now, out),
            };
            match used {
                Some(used) => at += used,
                None => break,
            }
        }
        self.enter(out);
        at
    }

    /// Enters what was counted, before anybody hears of it.
    fn enter(&mut self, out: &Output) {
        self.counted.flights += u64::from(!out.replies.is_empty());
        self.house.books.enter(&mut self.counted);
    }

    /// Takes one line. None: it is not complete.
    fn line(&mut self, rest: &[u8], now: Duration, out: &mut Output) -> Option<usize> {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            if rest.len() < LINE_LIMIT {
                return None;
            }
            self.step = Step::Overlong;
            return Some(rest.len());
        };
        let line = rest[..end].strip_suffix(b"\r");
        let behind = rest.len() - end - 1;
        match (std::mem::replace(&mut self.step, Step::Command), line) {
            (Step::Overlong, _) => self.misspoken(out, "500", "5.5.6", "Line too long"),
            (_, None) => self.misspoken(out, "500", "5.5.2", "A line ends with CR LF"),
            (Step::Login(login), Some(line)) => {
                let step = login.answer(line);
                self.login(step, out);
            }
            (_, Some(line)) if self.house.persona.nonsense => {
                out.replies.extend_from_slice(b"~~ ");
                out.replies.extend(line.iter().rev());
                out.replies.extend_from_slice(b"\r\n");
            }
            (_, Some(line)) => self.command(line, behind, now, out),
        }
        Some(end + 1)
    }

    fn command(&mut self, line: &[u8], behind: usize, now: Duration, out: &mut Output) {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(Misspoken::Unknown) => return self.misspoken(out, "500", "5.5.2", "Command not recognized"),
            Err(Misspoken::Arguments) => {
                return self.misspoken(out, "501", "5.5.4", "Syntax error in arguments");
            }
        };
        let chunk = matches!(command, Command::Bdat { .. });
        if behind > 0 && !self.house.persona.pipelining && !chunk {
            self.misspoken(out, "554", "5.5.0", "Improper use of SMTP command pipelining");
            out.ending = Some(Ending::Closed);
            return;
        }
        match command {
            Command::Ehlo => self.extensions(out),
            Command::Helo => self.hello(out),
            Command::Mail(path) => self.mail(path, now, out),
            Command::Rcpt(path) => self.rcpt(path, now, out),
            Command::Data => self.data(out),
            Command::Bdat { octets, last } => self.begin_chunk(octets, last, out),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial, out),
            Command::StartTls => self.misspoken(out, "502", "5.5.1", "This server has no TLS"),
            Command::Rset => {
                self.transaction.reset();
                self.reply(out, "250", "2.0.0", "Ok");
            }
            Command::Noop => self.reply(out, "250", "2.0.0", "Ok"),
            Command::Quit => {
                self.reply(out, "221", "2.0.0", "Bye");
                out.ending = Some(Ending::Closed);
            }
            Command::Vrfy => self.reply(out, "252", "2.5.0", "Cannot VRFY user, but will take the message"),
            Command::Expn => self.reply(out, "502", "5.5.1", "EXPN is not available"),
            Command::Help => self.reply(out, "214", "2.0.0", "See RFC 5321"),
        }
    }

    fn hello(&mut self, out: &mut Output) {
        self.greeted = true;
        self.transaction.reset();
        let name = self.house.persona.name.clone();
        self.reply(out, "250", "", &name);
    }

    fn extensions(&mut self, out: &mut Output) {
        self.greeted = true;
        self.transaction.reset();
        let persona = &self.house.persona;
        let mut lines = vec![persona.name.clone()];
        let mut announce = |announced: bool, line: &str| {
            if announced {
                lines.push(line.to_owned());
            }
        };
        announce(persona.pipelining, "PIPELINING");
        announce(true, &format!("SIZE {}", persona.size));
        announce(persona.auth, "AUTH PLAIN LOGIN");
        announce(persona.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        announce(persona.eight_bit_mime, "8BITMIME");
        announce(persona.smtputf8, "SMTPUTF8");
        announce(persona.chunking, "CHUNKING");
        let last = lines.len() - 1;
        for (place, line) in lines.iter().enumerate() {
            let code: &[u8] = if place == last { b"250 " } else { b"250-" };
            out.replies.extend_from_slice(code);
            out.replies.extend_from_slice(line.as_bytes());
            out.replies.extend_from_slice(b"\r\n");
        }
    }

    /// Whether the connection is hung up at this moment.
    fn hangs_up(&mut self, at: DropAt, out: &mut Output) -> bool {
        let drops = self.house.persona.drop.filter(|drops| drops.at == at);
        let hangs_up = drops.is_some_and(|drops| self.house.books.hangs_up(drops.every.get()));
        if hangs_up {
            self.counted.drops += 1;
            out.ending = Some(Ending::HungUp);
        }
        hangs_up
    }

    /// Refuses as the persona wants it.
    fn refuse(&mut self, out: &mut Output, refusal: &Refusal) {
        self.counted.refused += 1;
        out.replies.extend_from_slice(refusal.line().as_bytes());
        out.replies.extend_from_slice(b"\r\n");
        if refusal.code() == 421 {
            out.ending = Some(Ending::Closed);
        }
    }

    /// Refuses what the client should not have said.
    fn misspoken(&mut self, out: &mut Output, code: &str, enhanced: &str, text: &str) {
        self.counted.protocol_errors += 1;
        self.reply(out, code, enhanced, text);
    }

    fn reply(&self, out: &mut Output, code: &str, enhanced: &str, text: &str) {
        let replies = &mut out.replies;
        replies.extend_from_slice(code.as_bytes());
        replies.push(b' ');
        if !enhanced.is_empty() && self.house.persona.enhanced_status_codes {
            replies.extend_from_slice(enhanced.as_bytes());
            replies.push(b' ');
        }
        replies.extend_from_slice(text.as_bytes());
        replies.extend_from_slice(b"\r\n");
    }
}
