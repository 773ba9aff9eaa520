//! The server's side of an SMTP session, without a socket or a clock: octets in, octets out.
//!
//! [`Conversation::receive`] takes what has come, however the network cut it, and puts replies, log
//! lines and messages into an [`Output`]; the caller writes the log first, then the replies. All that one
//! read brought is answered in one write. Commands in groups (RFC 2920) need no code of their own: a
//! group is only a read with several commands in it, and content may be the first of them.

use std::sync::Arc;
use std::time::Duration;

use super::books::{Books, Counters};
use super::command::{self, Command, Misspoken, Path};
use super::content::Transparency;
use super::login::{self, Login};
use super::mailbox::{Gather, Kept, Wants};
use super::persona::{DropAt, Persona, QuotaUnit, Refusal, RefusalPhase};
use super::transaction::{Stage, Transaction};

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

#[derive(Debug, Clone, Copy)]
struct Chunk {
    left: u64,
    last: bool,
    fate: ChunkFate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkFate {
    /// Becomes content.
    Taken,
    /// Out of order: read and thrown away, answered 503.
    Discarded,
}

/// How a policy answers.
type Policy = Result<(), Refusal>;

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

    fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>, out: &mut Output) {
        if !self.greeted
            || self.logged_in
            || self.transaction.stage != Stage::Closed
            || !self.house.persona.auth
        {
            return self.misspoken(out, "503", "5.5.1", "No login here and now");
        }
        match login::begin(mechanism, initial) {
            Some(step) => self.login(step, out),
            None => self.misspoken(out, "504", "5.5.4", "Unknown mechanism"),
        }
    }

    fn login(&mut self, step: login::Step, out: &mut Output) {
        match step {
            login::Step::Ask(challenge, login) => {
                self.reply(out, "334", "", challenge);
                self.step = Step::Login(login);
            }
            login::Step::Cancelled => self.misspoken(out, "501", "5.7.0", "Login cancelled"),
            login::Step::Garbled => self.misspoken(out, "501", "5.5.2", "Cannot decode the login"),
            login::Step::Done { user, password } => {
                let persona = &self.house.persona;
                let known = persona.user.as_ref().is_none_or(|demanded| {
                    *demanded == user
                        && persona.password.as_ref().is_none_or(|demanded| *demanded == password)
                });
                if let Some(refusal) = persona.login_reply.clone() {
                    self.refuse(out, &refusal);
                } else if known {
                    self.logged_in = true;
                    self.counted.logins += 1;
                    self.account =
                        user.chars().filter(|letter| !letter.is_control()).collect::<String>().into();
                    self.reply(out, "235", "2.7.0", "Authentication successful");
                } else {
                    self.counted.refused += 1;
                    self.reply(out, "535", "5.7.8", "Authentication credentials invalid");
                }
            }
        }
    }

    fn mail(&mut self, path: Path<'_>, now: Duration, out: &mut Output) {
        if self.hangs_up(DropAt::Mail, out) {
            return;
        }
        if !self.greeted || self.transaction.stage != Stage::Closed {
            return self.misspoken(out, "503", "5.5.1", "Send EHLO first, and one MAIL at a time");
        }
        let persona = &self.house.persona;
        if persona.user.is_some() && !self.logged_in {
            return self.misspoken(out, "530", "5.7.0", "Authentication required");
        }
        if persona.max_messages_per_session.is_some_and(|most| self.taken >= most.get()) {
            self.counted.refused += 1;
            self.reply(out, "421", "4.7.0", "Too many messages in this session");
            out.ending = Some(Ending::Closed);
            return;
        }
        match self.mail_parameters(path) {
            Ok(utf8) => {
                if let Err(refusal) = self.quota(RefusalPhase::Mail, 1, now) {
                    return self.refuse(out, &refusal);
                }
                self.transaction.begin(path.address);
                self.transaction.utf8 = utf8;
                self.reply(out, "250", "2.1.0", "Ok");
            }
            Err((code, enhanced, text)) => self.misspoken(out, code, enhanced, text),
        }
    }

    /// Reads the parameters of MAIL; tells whether SMTPUTF8 was asked for.
    fn mail_parameters(&self, path: Path<'_>) -> Result<bool, (&'static str, &'static str, &'static str)> {
        let persona = &self.house.persona;
        let mut utf8 = false;
        for (keyword, value) in path.parameters() {
            match keyword.to_ascii_uppercase().as_slice() {
                b"SIZE" => match command::number(value) {
                    Some(octets) if persona.size > 0 && octets > persona.size => {
                        return Err(("552", "5.3.4", "Message size exceeds fixed limit"));
                    }
                    Some(_) => {}
                    None => return Err(("501", "5.5.4", "SIZE is a number")),
                },
                b"BODY" if value.eq_ignore_ascii_case(b"7BIT") => {}
                b"BODY" if persona.eight_bit_mime && value.eq_ignore_ascii_case(b"8BITMIME") => {}
                b"SMTPUTF8" if persona.smtputf8 && value.is_empty() => utf8 = true,
                // RFC 3461 and RFC 4954: taken without a word, as nothing is ever delivered.
                b"RET" | b"ENVID" | b"AUTH" => {}
                _ => return Err(("555", "5.5.4", "Unsupported parameter")),
            }
        }
        if !utf8 && !path.address.is_ascii() {
            return Err(("553", "5.6.7", "An address beyond ASCII needs SMTPUTF8"));
        }
        Ok(utf8)
    }

    fn rcpt(&mut self, path: Path<'_>, now: Duration, out: &mut Output) {
        if self.hangs_up(DropAt::Rcpt, out) {
            return;
        }
        if self.transaction.stage != Stage::Envelope {
            return self.misspoken(out, "503", "5.5.1", "Send MAIL first");
        }
        let known = |(keyword, _): (&[u8], &[u8])| {
            keyword.eq_ignore_ascii_case(b"NOTIFY") || keyword.eq_ignore_ascii_case(b"ORCPT")
        };
        if !path.parameters().all(known) {
            return self.misspoken(out, "555", "5.5.4", "Unsupported parameter");
        }
        if !path.address.is_ascii() && !self.transaction.utf8 {
            return self.misspoken(out, "553", "5.6.7", "An address beyond ASCII needs SMTPUTF8");
        }
        let most = self.house.persona.recipients_per_message;
        if most.is_some_and(|most| self.transaction.recipients() >= most.get()) {
            self.counted.refused += 1;
            return self.reply(out, "452", "4.5.3", "Too many recipients");
        }
        let policy = self.recipient(path.address, now);
        match policy.and_then(|()| self.quota(RefusalPhase::Rcpt, self.transaction.recipients() + 1, now)) {
            Ok(()) => {
                self.transaction.add(path.address);
                self.reply(out, "250", "2.1.5", "Ok");
            }
            Err(refusal) => self.refuse(out, &refusal),
        }
    }

    /// Asks the persona's lists about a recipient; what is to be told at the end of data is noted.
    fn recipient(&mut self, address: &[u8], now: Duration) -> Policy {
        let house = Arc::clone(&self.house);
        let refused = house.persona.refuse.iter().find(|entry| entry.recipient.matches(address));
        let refused = refused.map(|entry| (&entry.reply, entry.phase));
        let refused = refused.or_else(|| {
            let rule = house.persona.defer.iter().find(|entry| entry.recipient.matches(address))?;
            house.books.defers(rule, address, now).then_some((&rule.reply, rule.phase))
        });
        match refused {
            None => Ok(()),
            Some((reply, RefusalPhase::Mail | RefusalPhase::Rcpt)) => Err(reply.clone()),
            Some((reply, RefusalPhase::End)) => {
                self.transaction.refusal.get_or_insert_with(|| reply.clone());
                Ok(())
            }
        }
    }

    /// Asks the quota, at `phase`, whether `recipients` of this transaction could be taken. Charges
    /// them at the end of data only.
    fn quota(&mut self, phase: RefusalPhase, recipients: u64, now: Duration) -> Policy {
        let persona = &self.house.persona;
        let Some(limit) = persona.quota else { return Ok(()) };
        let amount = match persona.quota_unit {
            QuotaUnit::Messages => 1,
            QuotaUnit::Recipients => recipients,
        };
        let fits = match phase {
            RefusalPhase::End => self.house.books.charge(&self.account, amount, limit, now),
            RefusalPhase::Mail | RefusalPhase::Rcpt if phase != persona.quota_phase => true,
            RefusalPhase::Mail | RefusalPhase::Rcpt => {
                self.house.books.quota_left(&self.account, limit, now) >= amount
            }
        };
        if fits {
            return Ok(());
        }
        self.counted.over_quota += 1;
        Err(persona.quota_reply.clone())
    }

    fn data(&mut self, out: &mut Output) {
        if self.hangs_up(DropAt::Data, out) {
            return;
        }
        if self.transaction.stage != Stage::Envelope {
            return self.misspoken(out, "503", "5.5.1", "Send MAIL and RCPT first");
        }
        if self.transaction.recipients() == 0 && !self.house.persona.data_without_recipients {
            return self.reply(out, "554", "5.5.1", "No valid recipients");
        }
        self.transparency.reset();
        self.gather = self.house.wants.gather();
        self.step = Step::Content;
        self.reply(out, "354", "", "End data with <CR><LF>.<CR><LF>");
    }

    fn content(&mut self, rest: &[u8], now: Duration, out: &mut Output) -> Option<usize> {
        if rest.is_empty() || self.hangs_up_in_content(out) {
            return None;
        }
        let (gather, limit) = (self.gather, self.size_limit());
        let transaction = &mut self.transaction;
        let (used, ended) = self.transparency.take(rest, |part| transaction.gather(part, gather, limit));
        if ended {
            self.step = Step::Command;
            if used < rest.len() && !self.house.persona.pipelining {
                self.misspoken(out, "554", "5.5.0", "Improper use of SMTP command pipelining");
                out.ending = Some(Ending::Closed);
            } else {
                self.end_of_data(now, out);
            }
        }
        Some(used)
    }

    fn hangs_up_in_content(&mut self, out: &mut Output) -> bool {
        let first = !std::mem::replace(&mut self.transaction.begun, true);
        first && self.hangs_up(DropAt::Content, out)
    }

    fn begin_chunk(&mut self, octets: u64, last: bool, out: &mut Output) {
        if !self.house.persona.chunking {
            return self.misspoken(out, "500", "5.5.2", "Command not recognized");
        }
        let first = self.transaction.stage != Stage::Chunks;
        if first && self.hangs_up(DropAt::Data, out) {
            return;
        }
        let fate = if self.transaction.recipients() > 0 {
            if first {
                self.gather = self.house.wants.gather();
            }
            self.transaction.stage = Stage::Chunks;
            ChunkFate::Taken
        } else {
            ChunkFate::Discarded
        };
        self.step = Step::Chunk(Chunk { left: octets, last, fate });
    }

    fn chunk(&mut self, mut chunk: Chunk, rest: &[u8], now: Duration, out: &mut Output) -> Option<usize> {
        let here = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(rest.len());
        if here == 0 && chunk.left > 0 {
            return None;
        }
        chunk.left -= here as u64;
        if chunk.fate == ChunkFate::Taken && here > 0 {
            if self.hangs_up_in_content(out) {
                return None;
            }
            let (gather, limit) = (self.gather, self.size_limit());
            self.transaction.gather(&rest[..here], gather, limit);
        }
        self.step = Step::Chunk(chunk);
        if chunk.left == 0 {
            self.step = Step::Command;
            match (chunk.fate, chunk.last) {
                (ChunkFate::Discarded, _) => {
                    self.transaction.reset();
                    self.misspoken(out, "503", "5.5.1", "Send MAIL and RCPT first");
                }
                (ChunkFate::Taken, true) => self.end_of_data(now, out),
                (ChunkFate::Taken, false) => self.reply(out, "250", "2.0.0", "Ok"),
            }
        }
        Some(here)
    }

    fn size_limit(&self) -> u64 {
        match self.house.persona.size {
            0 => u64::MAX,
            size => size,
        }
    }

    fn end_of_data(&mut self, now: Duration, out: &mut Output) {
        if self.hangs_up(DropAt::Dot, out) {
            return;
        }
        match self.judge(now) {
            Ok(()) => self.accept(now, out),
            Err(refusal) => self.refuse(out, &refusal),
        }
        self.transaction.reset();
    }

    fn judge(&mut self, now: Duration) -> Policy {
        let refusal = |line| Refusal::parse(line).expect("a reply written in this file is a refusal");
        if self.transaction.recipients() == 0 {
            return Err(refusal("554 5.5.1 No valid recipients"));
        }
        if self.transaction.octets > self.size_limit() {
            return Err(refusal("552 5.3.4 Message size exceeds fixed limit"));
        }
        match self.transaction.refusal.take() {
            Some(refusal) => Err(refusal),
            None => self.quota(RefusalPhase::End, self.transaction.recipients(), now),
        }
    }

    fn accept(&mut self, now: Duration, out: &mut Output) {
        self.taken += 1;
        self.counted.messages += 1;
        self.counted.recipients += self.transaction.recipients();
        self.counted.octets += self.transaction.octets;
        let wants = &self.house.wants;
        if let Some(began) = wants.log_began {
            let passed = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
            self.transaction.log(began.saturating_add(passed), &self.account, &mut out.log);
        }
        // A message that was not gathered whole, as the last place was taken meanwhile, is only counted.
        if self.gather == Gather::Everything && wants.claim() {
            out.kept.push(self.transaction.kept(&self.account));
        }
        if self.hangs_up(DropAt::BeforeDotReply, out) {
            return;
        }
        let queued = format!("Ok: queued as {:X}-{:X}", self.number, self.taken);
        self.reply(out, "250", "2.0.0", &queued);
        self.hangs_up(DropAt::AfterDotReply, out);
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

#[cfg(test)]
mod tests;
