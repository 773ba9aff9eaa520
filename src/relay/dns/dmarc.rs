//! What is to become of mail that proves nothing (DMARC, RFC 7489), and whether ours proves something.
//!
//! From is proved by SPF where the reverse-path is of the same domain, or by a signature of the same domain;
//! `r` (relaxed) lets domains of one organization pass for the same (RFC 7489, 3.1). Which belong to one
//! organization is told by their DMARC records: a domain and those above it at which one stands.

use super::finding::{Finding, State, Subject};
use super::records::Records;
use super::tags;
use super::{DomainKey, Sender};

const VERSION: &str = "v=DMARC1";

/// How alike two domains must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alignment {
    /// `s`: the same.
    Strict,
    /// `r`: of one organization.
    Relaxed,
}

/// What a domain wants, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Policy {
    /// `none`, `quarantine` or `reject`.
    wish: String,
    spf: Alignment,
    dkim: Alignment,
}

/// The names at which the policy of a domain may stand: its own, and those above it.
pub(super) fn names(domain: &str) -> Vec<String> {
    above(domain).map(|domain| format!("_dmarc.{domain}")).collect()
}

/// A domain and those above it, down to two labels: what has fewer is nobody's own.
fn above(domain: &str) -> impl Iterator<Item = &str> {
    let mut ahead = Some(domain);
    std::iter::from_fn(move || {
        let domain = ahead.filter(|domain| domain.contains('.'))?;
        ahead = domain.split_once('.').map(|(_, rest)| rest);
        Some(domain)
    })
}

/// The policy of From's domain, and whether this mail meets it.
pub(super) fn judge(sender: &Sender, records: &Records) -> Vec<Finding> {
    let own = format!("_dmarc.{}", sender.from);
    let mut found = None;
    for name in names(&sender.from) {
        match records.texts(&name, VERSION) {
            Err(why) => return vec![Finding::unknown(Subject::Dmarc, &name, why)],
            Ok(texts) if texts.is_empty() => {}
            Ok(texts) => {
                found = Some((name, texts));
                break;
            }
        }
    }
    let Some((name, texts)) = found else {
        let what = "there is no DMARC record, and large providers refuse bulk mail without one";
        let proposal = format!("{VERSION}; p=none; rua=mailto:postmaster@{}", sender.from);
        return vec![Finding::new(Subject::Dmarc, &own, State::Wrong, what).publish(proposal)];
    };
    let finding = |state, what: String| Finding::new(Subject::Dmarc, &name, state, what).found(texts.clone());
    let [record] = texts.as_slice() else {
        return vec![finding(State::Wrong, "there are several DMARC records, and so none counts".to_owned())];
    };
    let policy = match policy(record, name == own) {
        Err(what) => return vec![finding(State::Wrong, what)],
        Ok(policy) => policy,
    };
    let mut findings = vec![finding(State::Good, format!("the policy is p={}", policy.wish))];
    findings.push(alignment(sender, &policy, &own, records));
    findings
}

/// Reads a record; whether it is the domain's own, or one above it whose `sp` goes first.
fn policy(record: &str, is_own: bool) -> Result<Policy, String> {
    let tags = tags::read(record)?;
    let tag = |name| tags::value(&tags, name);
    let Some(own) = tag("p") else {
        return Err("it has no p=, so it says nothing (RFC 7489, 6.3)".to_owned());
    };
    let wish = if is_own { own } else { tag("sp").unwrap_or(own) }.to_ascii_lowercase();
    if !["none", "quarantine", "reject"].contains(&wish.as_str()) {
        return Err(format!("{wish:?} is no policy: it is none, quarantine or reject"));
    }
    let alignment = |name| match tag(name) {
        Some(word) if word.eq_ignore_ascii_case("s") => Alignment::Strict,
        Some(_) | None => Alignment::Relaxed,
    };
    Ok(Policy { wish, spf: alignment("aspf"), dkim: alignment("adkim") })
}

/// What proves From.
fn alignment(sender: &Sender, policy: &Policy, own: &str, records: &Records) -> Finding {
    let from = &sender.from;
    let by_spf = aligned(from, &sender.reverse_path, policy.spf, records);
    let signing = |key: &&DomainKey| aligned(from, &key.domain, policy.dkim, records);
    let by_key = sender.keys.iter().find(signing);
    let finding = |state, what| Finding::new(Subject::Dmarc, own, state, what);
    match (by_spf, by_key) {
        (true, Some(key)) => {
            let what =
                format!("From is proved twice: by the reverse-path, and by the signature of {}", key.domain);
            finding(State::Good, what)
        }
        (false, Some(key)) => {
            let what =
                format!("From is proved by the signature of {}, and not by the reverse-path", key.domain);
            finding(State::Good, what)
        }
        (true, None) => {
            let what = format!(
                "From is proved by the reverse-path alone, which forwarding breaks: have mail signed for {from}, by \
                 mailrun or by whoever sends it"
            );
            finding(State::Doubtful, what)
        }
        (false, None) => {
            let state = if policy.wish == "none" { State::Doubtful } else { State::Wrong };
            let what = format!(
                "neither the reverse-path ({}) nor a signature of mailrun's proves From: it counts as forged unless \
                 whoever sends it signs for {from}",
                sender.reverse_path
            );
            finding(state, what)
        }
    }
}

/// Whether one domain passes for the other.
fn aligned(from: &str, other: &str, alignment: Alignment, records: &Records) -> bool {
    let is_below =
        |domain: &str, above: &str| domain.strip_suffix(above).is_some_and(|head| head.ends_with('.'));
    let has_policy = |domain: &str| {
        records.texts(&format!("_dmarc.{domain}"), VERSION).is_ok_and(|texts| !texts.is_empty())
    };
    if from == other {
        return true;
    }
    match alignment {
        Alignment::Strict => false,
        Alignment::Relaxed if is_below(from, other) || is_below(other, from) => true,
        Alignment::Relaxed => above(from).any(|domain| is_below(other, domain) && has_policy(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Kind;
    use super::*;

    fn key(domain: &str) -> DomainKey {
        DomainKey { domain: domain.into(), selector: "s".into(), record: String::new() }
    }

    fn judged(from: &str, reverse_path: &str, keys: &[&str], texts: &[(&str, &str)]) -> Vec<(State, String)> {
        let keys = keys.iter().map(|domain| key(domain)).collect();
        let sender =
            Sender { from: from.into(), reverse_path: reverse_path.into(), keys, ..Sender::default() };
        let names: Vec<String> = names(from).into_iter().chain(names(reverse_path)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let records = Records::of_texts(texts).and_nothing(Kind::Text, &names);
        judge(&sender, &records).into_iter().map(|finding| (finding.state, finding.what)).collect()
    }

    #[test]
    fn the_policy_is_found_here_or_above() {
        let at = |name, record| judged("news.a.example", "news.a.example", &["a.example"], &[(name, record)]);
        let table = [
            ("_dmarc.news.a.example", "v=DMARC1; p=none", State::Good, "p=none"),
            ("_dmarc.a.example", "v=DMARC1; p=reject; sp=quarantine", State::Good, "p=quarantine"),
            ("_dmarc.a.example", "v=DMARC1; p=reject", State::Good, "p=reject"),
            ("_dmarc.a.example", "v=DMARC1; rua=mailto:a@b.c", State::Wrong, "no p="),
            ("_dmarc.a.example", "v=DMARC1; p=maybe", State::Wrong, "no policy"),
            ("_dmarc.a.example", "v=DMARC12; p=none", State::Wrong, "no DMARC record"),
            ("_dmarc.example", "v=DMARC1; p=none", State::Wrong, "no DMARC record"),
        ];
        for (name, record, state, words) in table {
            let found = at(name, record);
            assert!(found[0].0 == state && found[0].1.contains(words), "{name} {record}: {found:?}");
        }
        let twice = [("_dmarc.a.example", "v=DMARC1; p=none"), ("_dmarc.a.example", "v=DMARC1; p=reject")];
        assert!(judged("a.example", "a.example", &[], &twice)[0].1.contains("several"));
    }

    #[test]
    fn from_is_proved_by_what_is_of_the_same_organization() {
        let table: [(&str, &[&str], &str, State, &str); 9] = [
            ("a.example", &["a.example"], "v=DMARC1; p=reject", State::Good, "twice"),
            ("bounce.a.example", &["mail.a.example"], "v=DMARC1; p=reject", State::Good, "twice"),
            (
                "bounce.a.example",
                &["a.example"],
                "v=DMARC1; p=reject; aspf=s",
                State::Good,
                "not by the reverse-path",
            ),
            (
                "a.example",
                &["mail.a.example"],
                "v=DMARC1; p=reject; adkim=s",
                State::Doubtful,
                "reverse-path alone",
            ),
            ("b.example", &[], "v=DMARC1; p=none", State::Doubtful, "forged"),
            ("b.example", &[], "v=DMARC1; p=reject", State::Wrong, "forged"),
            ("b.example", &["b.example"], "v=DMARC1; p=quarantine", State::Wrong, "forged"),
            ("xa.example", &[], "v=DMARC1; p=reject", State::Wrong, "forged"),
            ("b.example", &["a.example"], "v=DMARC1; p=reject", State::Good, "signature of a.example"),
        ];
        for (reverse_path, keys, record, state, words) in table {
            let found = judged("a.example", reverse_path, keys, &[("_dmarc.a.example", record)]);
            assert!(found[1].0 == state && found[1].1.contains(words), "{reverse_path} {keys:?}: {found:?}");
        }
        let sisters =
            judged("news.a.example", "bounce.a.example", &[], &[("_dmarc.a.example", "v=DMARC1; p=reject")]);
        assert!(sisters[1].1.contains("reverse-path alone"), "{sisters:?}");
    }
}
