//! Who sends, and to whom: AUTH, MAIL and RCPT, and what a persona has against either.

use std::sync::Arc;
use std::time::Duration;

use super::super::command::{self, Path};
use super::super::login;
use super::super::persona::{DropAt, QuotaUnit, Refusal, RefusalPhase};
use super::super::transaction::Stage;
use super::{Conversation, Ending, Output, Step};

/// How a policy answers.
pub(super) type Policy = Result<(), Refusal>;

/// A reply that is not the persona's wish but the protocol's: code, enhanced status, text.
type Objection = (&'static str, &'static str, &'static str);

impl Conversation {
    pub(super) fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>, out: &mut Output) {
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

    pub(super) fn login(&mut self, step: login::Step, out: &mut Output) {
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

    pub(super) fn mail(&mut self, path: Path<'_>, now: Duration, out: &mut Output) {
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
    fn mail_parameters(&self, path: Path<'_>) -> Result<bool, Objection> {
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

    pub(super) fn rcpt(&mut self, path: Path<'_>, now: Duration, out: &mut Output) {
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
    pub(super) fn quota(&mut self, phase: RefusalPhase, recipients: u64, now: Duration) -> Policy {
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
}
