//! The breakers: what stops a relay or a campaign before many are refused for one reason.
//!
//! A relay that suddenly refuses everybody in the same words is not telling about its recipients but
//! about the sender, and providers punish those who go on. The [`Breaker`] watches one relay;
//! [`ContentBreaker`] the content of a campaign, which many domains refuse if it is at fault; [`StopIf`] is the
//! campaign's own rule.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::mail::Reply;

/// How many of the last replies of a relay are watched.
const WATCHED: usize = 50;
/// How many permanent refusals in the same words among them are a burst.
const BURST: usize = 20;
/// Refusals of the content count while they are among so many of the last recipients with a definite outcome.
const CONTENT_WATCHED: u64 = 100;
/// So many domains among them: the content is at fault, not one domain's filter.
const CONTENT_DOMAINS: usize = 10;

/// Stops a campaign of which too many are rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopIf {
    /// The share of rejected recipients that is too much: 0 to 1.
    pub rejected: f64,
    /// Not before so many recipients have a definite outcome.
    pub after: u64,
}

impl Default for StopIf {
    /// One in ten, after 500.
    fn default() -> Self {
        Self { rejected: 0.1, after: 500 }
    }
}

impl StopIf {
    /// Whether `rejected` of `settled` recipients are too many.
    #[expect(clippy::cast_precision_loss, reason = "a share of people needs no 52 bits")]
    pub fn trips(&self, rejected: u64, settled: u64) -> bool {
        rejected > 0 && settled >= self.after && rejected as f64 >= self.rejected * settled as f64
    }
}

/// Watches the replies of one relay about recipients.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    /// The last replies: the words of a permanent refusal, or none.
    last: VecDeque<Option<u64>>,
}

impl Breaker {
    /// Notes a reply that is no permanent refusal.
    pub fn spared(&mut self) {
        self.push(None);
    }

    /// Notes a permanent refusal, and tells whether it completes a burst: 20 of the last 50 replies are
    /// permanent refusals in the same words, digits and addresses aside.
    pub fn refused(&mut self, reply: &Reply) -> bool {
        let words = fingerprint(reply);
        self.push(Some(words));
        self.last.iter().filter(|seen| **seen == Some(words)).count() >= BURST
    }

    fn push(&mut self, words: Option<u64>) {
        if self.last.len() == WATCHED {
            self.last.pop_front();
        }
        self.last.push_back(words);
    }
}

/// Watches what domains say of the content of a campaign.
#[derive(Debug, Clone, Default)]
pub struct ContentBreaker {
    /// The last refusals: how many recipients had a definite outcome by then, and a hash of the domain.
    last: VecDeque<(u64, u64)>,
}

impl ContentBreaker {
    /// Notes that the content was refused for a recipient at `domain`, when `settled` recipients had a
    /// definite outcome, and tells whether the content is at fault: ten domains refused it among the last
    /// hundred recipients.
    pub fn refused(&mut self, settled: u64, domain: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        domain.hash(&mut hasher);
        let domain = hasher.finish();
        self.last.retain(|(at, known)| *known != domain && settled.saturating_sub(*at) < CONTENT_WATCHED);
        self.last.push_back((settled, domain));
        self.last.len() >= CONTENT_DOMAINS
    }
}

/// A hash over a reply's code and words without anything that differs from recipient to recipient:
/// digits, addresses, and the letters of queue ids.
fn fingerprint(reply: &Reply) -> u64 {
    let mut hasher = DefaultHasher::new();
    reply.code.hash(&mut hasher);
    reply.enhanced.hash(&mut hasher);
    for word in reply.words().split_whitespace() {
        if word.contains('@') || word.bytes().any(|byte| byte.is_ascii_digit()) {
            continue;
        }
        word.to_lowercase().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_refusals_in_the_same_words_are_a_burst() {
        let mut breaker = Breaker::default();
        let refusal =
            |n: usize| Reply::new(550, format!("5.7.1 <user{n}@example.com> blocked, id 4F{n}: see help"));
        let tripped = (0..50).position(|n| breaker.refused(&refusal(n)));
        assert_eq!(tripped, Some(19));
    }

    #[test]
    fn what_is_spread_out_or_differs_is_no_burst() {
        let mut breaker = Breaker::default();
        for n in 0..1000 {
            let refusal = Reply::new(550, if n % 2 == 0 { "5.1.1 no such user" } else { "5.2.1 disabled" });
            assert!(!breaker.refused(&refusal), "{n}");
            breaker.spared();
            breaker.spared();
        }
    }

    #[test]
    fn ten_domains_of_a_hundred_recipients_convict_the_content() {
        // (a refusal every so many recipients, by so many domains in turn, after how many refusals it trips)
        let table =
            [(1, 100, Some(10)), (10, 100, Some(10)), (12, 100, None), (1, 9, None), (1, 10, Some(10))];
        for (every, domains, trips) in table {
            let mut breaker = ContentBreaker::default();
            let refused =
                (1..1000_u64).find(|n| breaker.refused(n * every, &format!("d{}.example", n % domains)));
            assert_eq!(refused, trips, "every {every}, {domains} domains");
        }
    }

    #[test]
    fn a_campaign_stops_when_a_tenth_of_enough_is_rejected() {
        let table =
            [(49, 499, false), (50, 500, true), (49, 500, false), (499, 499, false), (600, 6000, true)];
        for (rejected, settled, trips) in table {
            assert_eq!(StopIf::default().trips(rejected, settled), trips, "{rejected} of {settled}");
        }
        assert!(!StopIf { rejected: 0.0, after: 0 }.trips(0, 10), "nobody rejected is never too many");
    }
}
