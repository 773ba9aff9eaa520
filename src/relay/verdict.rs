//! What a refusal means: its class, whom it speaks about, whether asking again can help.
//!
//! Replies lie about scope: a provider says "daily quota exceeded" with 454, with 550 or with 554, and a
//! full mailbox may be the sender's own. So the order is: what this provider is known to say, what the
//! words say, the enhanced status, and only then the code by the phase it came in. A refusal that is
//! the relay's or the host's never has a recipient's scope, whatever its code.

use crate::mail::{Class, Permanence, Phase, Reply, RetryAfter, Scope, Verdict};

use super::profile::Profile;
use super::rules::{EVERYBODY, PROVIDERS};
use super::status;
use super::waits;

/// So much of a reply is read for its words, in octets; the sense of a reply stands at its beginning.
const READ_LIMIT: usize = 1024;

/// Judges a reply to `phase` that is not the success that was hoped for.
///
/// Ask only about such replies: a 2yz or 3yz is judged as one out of place, a `protocol` trouble.
/// Where the server states when to come back, as a span of time or as a date, the verdict has it.
///
/// ```
/// use mailrun::mail::{Class, Phase, Reply, Scope};
/// use mailrun::relay::{Profile, judge};
/// let reply = Reply::new(550, "5.4.5 Daily user sending limit exceeded.");
/// let verdict = judge(Phase::End, &reply, Profile::Gmail);
/// assert_eq!((verdict.class, verdict.scope), (Class::Quota, Scope::Relay));
/// ```
pub fn judge(phase: Phase, reply: &Reply, profile: Profile) -> Verdict {
    if !reply.is_transient() && !reply.is_permanent() {
        return verdict(Class::Protocol, phase, reply.code, None);
    }
    let text = fold(reply);
    let class = by_words(phase, reply.code, profile, &text)
        .or_else(|| status::by_enhanced(phase, reply.code, reply.enhanced?))
        .unwrap_or_else(|| status::by_code(phase, reply.code));
    let class = fit(class, phase, reply.code);
    verdict(class, phase, reply.code, waits::stated(&text))
}

fn by_words(phase: Phase, code: u16, profile: Profile, text: &str) -> Option<Class> {
    PROVIDERS.iter().chain(EVERYBODY).find_map(|rule| rule.class(phase, code, profile, text))
}

/// The text in lower case and in one line, the enhanced status only at its beginning.
pub(super) fn fold(reply: &Reply) -> String {
    let mut folded = String::with_capacity(reply.text.len().min(READ_LIMIT));
    let status = reply.enhanced.map(|status| status.to_string());
    for (place, line) in reply.text.lines().enumerate() {
        let bare = status.as_deref().filter(|_| place > 0).and_then(|status| line.strip_prefix(status));
        let line = bare.unwrap_or(line).trim();
        if place > 0 {
            folded.push(' ');
        }
        for letter in line.chars().flat_map(char::to_lowercase) {
            folded.push(letter);
            if folded.len() > READ_LIMIT {
                return cut(folded);
            }
        }
    }
    cut(folded)
}

/// Ends a folded text at [`READ_LIMIT`].
fn cut(mut folded: String) -> String {
    folded.truncate(folded.floor_char_boundary(READ_LIMIT));
    // So that a pattern may end with the space behind a word.
    folded.push(' ');
    folded
}

/// Corrects a class that cannot be meant at `phase`: before RCPT nobody knows a recipient or a domain, and
/// before MAIL nobody knows a size.
fn fit(class: Class, phase: Phase, code: u16) -> Class {
    let early = match phase {
        Phase::Rcpt | Phase::Data | Phase::End => return class,
        Phase::Connect | Phase::Ehlo => Class::Host,
        Phase::Auth => Class::Login,
        Phase::StartTls => Class::Connection,
        Phase::Mail | Phase::Other if code / 100 == 5 => Class::Blocked,
        Phase::Mail | Phase::Other => Class::Rate,
    };
    match class {
        Class::Size if phase == Phase::Mail => class,
        Class::Domain
        | Class::DomainDead
        | Class::RecipientDead
        | Class::RecipientTemporary
        | Class::TooMany
        | Class::Size
        | Class::Content => early,
        Class::Quota
        | Class::Rate
        | Class::Concurrency
        | Class::Login
        | Class::Blocked
        | Class::Host
        | Class::Protocol
        | Class::Connection
        | Class::Unknown => class,
    }
}

fn verdict(class: Class, phase: Phase, code: u16, wait: Option<RetryAfter>) -> Verdict {
    Verdict { class, scope: scope(class, phase), permanence: permanence(class, code), wait }
}

fn scope(class: Class, phase: Phase) -> Scope {
    match class {
        Class::Quota | Class::Rate | Class::Concurrency | Class::Login | Class::Blocked | Class::Protocol => {
            Scope::Relay
        }
        Class::Host => Scope::Host,
        Class::Domain | Class::DomainDead => Scope::Domain,
        Class::RecipientDead | Class::RecipientTemporary => Scope::Recipient,
        Class::TooMany => Scope::Message,
        Class::Connection => Scope::Connection,
        // At RCPT one recipient is refused, and the others of the batch may be taken.
        Class::Size | Class::Content | Class::Unknown => match phase {
            Phase::Rcpt => Scope::Recipient,
            Phase::Data | Phase::End => Scope::Message,
            Phase::Mail if class == Class::Size => Scope::Message,
            Phase::Connect | Phase::Ehlo | Phase::StartTls | Phase::Auth | Phase::Mail | Phase::Other => {
                Scope::Relay
            }
        },
    }
}

fn permanence(class: Class, code: u16) -> Permanence {
    match class {
        Class::Quota
        | Class::Rate
        | Class::Concurrency
        | Class::Host
        | Class::Domain
        | Class::RecipientTemporary
        | Class::TooMany
        | Class::Connection => Permanence::Transient,
        Class::DomainDead | Class::RecipientDead => Permanence::Permanent,
        Class::Login | Class::Blocked | Class::Size | Class::Content | Class::Protocol | Class::Unknown => {
            match code / 100 {
                4 => Permanence::Transient,
                _ => Permanence::Permanent,
            }
        }
    }
}

#[cfg(test)]
mod tests;
