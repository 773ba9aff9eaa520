//! What servers say in words: the table by which a refusal is known whatever its code.
//!
//! A rule is a [`Class`] and a pattern in lower case over the reply's text with its enhanced status,
//! lines joined by spaces; `*` in a pattern stands for anything between. Rules of providers come first,
//! then those for everybody; of each, the first that fits counts, so the particular stands before the
//! general. What a class means for whom is not said here, but in `verdict`.
//!
//! The two tables are `rules/providers.rs` and `rules/everybody.rs`. Sources: the providers' own pages
//! (Google 3726730 and 6140680, Amazon's sending quotas, Microsoft's SMTP submission pages, Emailit,
//! `SocketLabs`, Mailgun, Zoho), Postfix's smtpd, zone-mta's `bounces.txt`, `KumoMTA`'s `iana.toml`,
//! `shaping.toml` and `bounces.toml`, Postmark's SMTP field manual and sisimai's reasons.

use crate::mail::{Class, Phase};

use super::profile::Profile;

mod everybody;
mod providers;

pub(super) use everybody::EVERYBODY;
pub(super) use providers::PROVIDERS;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(in crate::relay) struct Rule {
    class: Class,
    pattern: &'static str,
    phases: &'static [Phase],
    /// The codes it holds for; none: every refusal.
    codes: &'static [u16],
    /// The profiles it holds for; none: every profile.
    profiles: &'static [Profile],
}

impl Rule {
    /// The class, if the rule fits. `text` is in lower case, in one line.
    pub(super) fn class(&self, phase: Phase, code: u16, profile: Profile, text: &str) -> Option<Class> {
        let holds = (self.profiles.is_empty() || self.profiles.contains(&profile))
            && (self.codes.is_empty() || self.codes.contains(&code))
            && (self.phases.is_empty() || self.phases.contains(&phase));
        (holds && fits(self.pattern, text)).then_some(self.class)
    }

    const fn at(self, phases: &'static [Phase]) -> Self {
        Self { phases, ..self }
    }

    const fn code(self, codes: &'static [u16]) -> Self {
        Self { codes, ..self }
    }

    const fn by(self, profiles: &'static [Profile]) -> Self {
        Self { profiles, ..self }
    }
}

const fn said(class: Class, pattern: &'static str) -> Rule {
    Rule { class, pattern, phases: &[], codes: &[], profiles: &[] }
}

/// Whether the parts of `pattern` stand in `text`, in order.
fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_can_fit() {
        for rule in PROVIDERS.iter().chain(EVERYBODY) {
            assert_eq!(rule.pattern, rule.pattern.to_lowercase());
            assert!(rule.pattern.split('*').all(|part| !part.is_empty()), "{:?}", rule.pattern);
        }
    }

    #[test]
    fn no_rule_stands_in_the_shadow_of_an_earlier_one() {
        for (place, rule) in EVERYBODY.iter().enumerate() {
            let shadow = EVERYBODY[..place].iter().find(|earlier| {
                earlier.codes.is_empty() && earlier.phases.is_empty() && fits(earlier.pattern, rule.pattern)
            });
            assert!(shadow.is_none(), "{:?} never counts, {shadow:?} does", rule.pattern);
        }
    }
}
