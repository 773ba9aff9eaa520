//! Who may send with a reverse-path (SPF, RFC 7208).
//!
//! A record is judged as the receiver of a message would read it, but for addresses: through which of them a
//! provider sends, only its own record knows, so what is looked for is that the sender's record leads there.

use std::collections::BTreeSet;

use super::finding::{Finding, State, Subject};
use super::records::Records;
use super::{Provider, ReversePath, Sender};

const VERSION: &str = "v=spf1";
/// RFC 7208, 4.6.4: terms that make a receiver ask, over all records.
const LOOK_UPS: usize = 10;
/// How deep records may lead; ten look-ups lead no deeper.
const DEPTH: usize = 12;

/// One mechanism or modifier (RFC 7208, 4.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term<'a> {
    /// `+`, `-`, `~` or `?`; a modifier has none.
    qualifier: Option<char>,
    /// Lower case.
    name: String,
    value: Option<&'a str>,
}

impl Term<'_> {
    /// RFC 7208, 4.6.4.
    fn makes_ask(&self) -> bool {
        matches!(self.name.as_str(), "include" | "a" | "mx" | "ptr" | "exists" | "redirect")
    }

    /// The record that it leads to. A macro (RFC 7208, 7) leads wherever a message says.
    fn leads_to(&self) -> Option<String> {
        let domain = self.value.filter(|domain| !domain.contains('%'))?;
        matches!(self.name.as_str(), "include" | "redirect")
            .then(|| domain.trim_end_matches('.').to_ascii_lowercase())
    }
}

/// What is wrong with the record of the reverse-path's domain, or that nothing is.
pub(super) fn judge(sender: &Sender, records: &Records) -> Vec<Finding> {
    let domain = &sender.reverse_path;
    let finding = |state, what: String| Finding::new(Subject::Spf, domain, state, what);
    let found = match records.texts(domain, VERSION) {
        Err(why) => return vec![Finding::unknown(Subject::Spf, domain, why)],
        Ok(found) => found,
    };
    let record = match found.as_slice() {
        [] => {
            let what = "there is no SPF record, so a receiver cannot tell who may send in this name";
            return vec![finding(State::Wrong, what.to_owned()).publish(proposal(&sender.providers))];
        }
        [only] => only.as_str(),
        several => {
            let what = format!("there are {} SPF records, and so none counts (RFC 7208, 4.5)", several.len());
            return vec![finding(State::Wrong, what).found(found)];
        }
    };
    let terms = match terms(record) {
        Ok(terms) => terms,
        Err(what) => return vec![finding(State::Wrong, what).found(found)],
    };
    let mut findings: Vec<Finding> =
        everybody(&terms).map(|(state, what)| finding(state, what)).into_iter().collect();
    findings.extend(broken(&terms, records).into_iter().map(|what| finding(State::Wrong, what)));
    let count = look_ups(&terms, records, DEPTH);
    if count > LOOK_UPS {
        let what = format!(
            "it makes a receiver ask {count} times, and after {LOOK_UPS} the record counts as broken \
             (RFC 7208, 4.6.4): take out an include that is not needed any more"
        );
        findings.push(finding(State::Wrong, what));
    }
    if terms.iter().any(|term| term.name == "ptr") {
        let what = "`ptr` is not to be used any more, and many receivers do not heed it (RFC 7208, 5.5)";
        findings.push(finding(State::Doubtful, what.to_owned()));
    }
    let reached = reached(&terms, records);
    for provider in &sender.providers {
        findings.extend(named(provider, domain, record, &reached));
    }
    if findings.is_empty() {
        findings.push(finding(State::Good, format!("{count} of {LOOK_UPS} look-ups are needed")));
    }
    findings.into_iter().map(|finding| finding.found([record.to_owned()].iter())).collect()
}

/// Where the record of a name leads, if it is there.
pub(super) fn leads_to(name: &str, records: &Records) -> Vec<String> {
    let found = records.texts(name, VERSION).unwrap_or_default();
    let [record] = found.as_slice() else { return Vec::new() };
    terms(record).unwrap_or_default().iter().filter_map(Term::leads_to).collect()
}

/// Reads a record.
fn terms(record: &str) -> Result<Vec<Term<'_>>, String> {
    record.split_ascii_whitespace().skip(1).map(term).collect()
}

fn term(text: &str) -> Result<Term<'_>, String> {
    let wrong = || format!("{text:?} in it is no term of SPF, which makes the whole record invalid");
    let name_end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter));
    if let Some(end) = name_end.filter(|end| *end > 0 && text[*end..].starts_with('=')) {
        let name = text[..end].to_ascii_lowercase();
        return Ok(Term { qualifier: None, name, value: Some(&text[end + 1..]) });
    }
    let (qualifier, rest) = match text.chars().next() {
        Some(sign @ ('+' | '-' | '~' | '?')) => (sign, &text[1..]),
        Some(_) | None => ('+', text),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, value) = (rest[..end].to_ascii_lowercase(), &rest[end..]);
    let value = value.strip_prefix(':').or(Some(value).filter(|value| !value.is_empty()));
    let is_known = match name.as_str() {
        "all" => value.is_none(),
        "a" | "mx" | "ptr" => value != Some(""),
        "include" | "exists" | "ip4" | "ip6" => value.is_some_and(|value| !value.is_empty()),
        _ => false,
    };
    if is_known { Ok(Term { qualifier: Some(qualifier), name, value }) } else { Err(wrong()) }
}

/// What the end of the record says of everybody else, where that is not as it should be.
fn everybody(terms: &[Term<'_>]) -> Option<(State, String)> {
    let all = terms.iter().find(|term| term.name == "all");
    match all.and_then(|term| term.qualifier) {
        Some('+') => {
            let what = "`+all` lets everybody send in this name: end the record in `~all` or `-all`";
            Some((State::Wrong, what.to_owned()))
        }
        Some('?') => {
            let what = "`?all` says nothing of anybody else: end the record in `~all` or `-all`";
            Some((State::Doubtful, what.to_owned()))
        }
        Some(_) => None,
        None if terms.iter().any(|term| term.name == "redirect") => None,
        None => {
            let what = "it says nothing of anybody else: end it in `~all` or `-all`";
            Some((State::Doubtful, what.to_owned()))
        }
    }
}

/// Where it leads to a record that is not there or cannot be read (RFC 7208, 5.2).
fn broken(terms: &[Term<'_>], records: &Records) -> Vec<String> {
    let leads = terms.iter().filter_map(|term| Some((term, term.leads_to()?)));
    leads
        .filter_map(|(term, domain)| {
            let found = records.texts(&domain, VERSION).ok()?;
            let why = match found.as_slice() {
                [] => "has no SPF record",
                [record] if self::terms(record).is_err() => "has an SPF record that is invalid",
                [_] => return None,
                _ => "has more than one SPF record",
            };
            Some(format!("`{}` leads to {domain}, which {why}, so this record is invalid too", term.name))
        })
        .collect()
}

/// How often a receiver has to ask.
fn look_ups(terms: &[Term<'_>], records: &Records, depth: usize) -> usize {
    let Some(depth) = depth.checked_sub(1) else { return LOOK_UPS + 1 };
    let has_all = terms.iter().any(|term| term.name == "all");
    let mut count = 0;
    for term in terms.iter().filter(|term| term.makes_ask()) {
        // RFC 7208, 6.1: `redirect` beside `all` is ignored.
        if term.name == "redirect" && has_all {
            continue;
        }
        count += 1;
        let found = term.leads_to().map(|domain| records.texts(&domain, VERSION).unwrap_or_default());
        if let Some([record]) = found.as_deref() {
            count += look_ups(&self::terms(record).unwrap_or_default(), records, depth);
        }
        if count > LOOK_UPS * 2 {
            break;
        }
    }
    count
}

/// Every domain that the record leads to, over however many others.
fn reached(terms: &[Term<'_>], records: &Records) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<String> = terms.iter().filter_map(Term::leads_to).collect();
    while let Some(domain) = ahead.pop() {
        if reached.insert(domain.clone()) {
            ahead.extend(leads_to(&domain, records));
        }
    }
    reached
}

/// What is to be said where the record does not lead to a provider, or that nobody knows.
fn named(provider: &Provider, domain: &str, record: &str, reached: &BTreeSet<String>) -> Option<Finding> {
    let relay = &provider.relay;
    let Some(include) = &provider.include else {
        let what =
            format!("whether relay `{relay}` may send is not known: see that its addresses are among these");
        return Some(Finding::new(Subject::Spf, domain, State::Good, what));
    };
    if reached.contains(include) {
        return None;
    }
    let (state, but) = match provider.reverse_path {
        ReversePath::Kept => (State::Wrong, ""),
        ReversePath::MayBeReplaced => {
            (State::Doubtful, ", which is right only where the service puts a reverse-path of its own in")
        }
    };
    let what = format!("it does not include {include}, through which relay `{relay}` sends{but}");
    Some(Finding::new(Subject::Spf, domain, state, what).publish(with(record, include)))
}

/// A record for those who have none.
fn proposal(providers: &[Provider]) -> String {
    let known: BTreeSet<&String> =
        providers.iter().filter_map(|provider| provider.include.as_ref()).collect();
    if known.is_empty() {
        return format!("{VERSION} mx ip4:ADDRESS-OF-YOUR-SERVER ~all");
    }
    let includes: Vec<String> = known.iter().map(|include| format!("include:{include}")).collect();
    format!("{VERSION} {} ~all", includes.join(" "))
}

/// A record with one more include, before what it says of everybody else.
fn with(record: &str, include: &str) -> String {
    let mut words: Vec<&str> = record.split_ascii_whitespace().collect();
    let is_last = |word: &&str| word.trim_start_matches(['+', '-', '~', '?']).eq_ignore_ascii_case("all");
    let place = words.iter().position(is_last).unwrap_or(words.len());
    let include = format!("include:{include}");
    words.insert(place, &include);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(include: Option<&str>, reverse_path: ReversePath) -> Sender {
        let provider = Provider { relay: "desk".into(), include: include.map(str::to_owned), reverse_path };
        Sender { reverse_path: "a.example".into(), providers: vec![provider], ..Sender::default() }
    }

    fn judged(texts: &[(&str, &str)]) -> Vec<(State, String)> {
        let records = Records::of_texts(texts).and_nothing(super::super::records::Kind::Text, &["a.example"]);
        let findings = judge(&sender(Some("mail.example"), ReversePath::Kept), &records);
        findings.into_iter().map(|finding| (finding.state, finding.what)).collect()
    }

    #[test]
    fn a_record_is_judged_as_a_receiver_would() {
        let mail = ("mail.example", "v=spf1 ip4:192.0.2.0/24 ~all");
        let table: [(&str, State, &str); 10] = [
            ("v=spf1 include:mail.example -all", State::Good, "1 of 10"),
            ("V=SPF1 Include:Mail.Example. ~ALL", State::Good, "1 of 10"),
            ("v=spf1 redirect=mail.example", State::Good, "1 of 10"),
            ("v=spf1 include:mail.example +all", State::Wrong, "everybody"),
            ("v=spf1 include:mail.example all", State::Wrong, "everybody"),
            ("v=spf1 include:mail.example ?all", State::Doubtful, "?all"),
            ("v=spf1 include:mail.example", State::Doubtful, "nothing of anybody else"),
            ("v=spf1 include:mail.example ptr ~all", State::Doubtful, "ptr"),
            ("v=spf1 ip4:192.0.2.1 -all", State::Wrong, "does not include mail.example"),
            ("v=spf1 include:mail.example ipv4:192.0.2.1 -all", State::Wrong, "no term"),
        ];
        for (record, state, words) in table {
            let judged = judged(&[("a.example", record), mail]);
            assert!(
                matches!(judged.as_slice(), [(found, what)] if *found == state && what.contains(words)),
                "{record}: {judged:?}"
            );
        }
        assert!(judged(&[])[0].1.contains("no SPF record"));
        let twice = judged(&[("a.example", "v=spf1 -all"), ("a.example", "v=spf1 ~all")]);
        assert!(twice[0].1.contains("2 SPF records"), "{twice:?}");
        let other = judged(&[("a.example", "v=spf10 -all"), ("a.example", "some other text")]);
        assert!(other[0].1.contains("no SPF record"), "{other:?}");
    }

    #[test]
    fn every_look_up_on_the_way_is_counted() {
        let deep = |count: usize| {
            let record = format!("v=spf1{} ~all", " a:x.example mx".repeat(count));
            judged(&[
                ("a.example", "v=spf1 include:mail.example ~all"),
                ("mail.example", "v=spf1 include:b.example ~all"),
                ("b.example", &record),
            ])
        };
        assert_eq!(deep(4), [(State::Good, "10 of 10 look-ups are needed".into())]);
        let over = deep(5);
        assert!(over[0].0 == State::Wrong && over[0].1.contains("12 times"), "{over:?}");
        let circle = judged(&[
            ("a.example", "v=spf1 include:mail.example ~all"),
            ("mail.example", "v=spf1 include:a.example ~all"),
        ]);
        assert!(circle[0].0 == State::Wrong && circle[0].1.contains("times"), "{circle:?}");
    }

    #[test]
    fn an_include_without_a_record_breaks_the_whole() {
        let records =
            Records::of_texts(&[("a.example", "v=spf1 include:mail.example include:gone.example ~all")])
                .and_nothing(super::super::records::Kind::Text, &["gone.example"]);
        let found = judge(&sender(Some("mail.example"), ReversePath::Kept), &records);
        assert!(found[0].state == State::Wrong && found[0].what.contains("gone.example"), "{found:?}");
    }

    #[test]
    fn what_to_publish_is_the_whole_record() {
        let table = [
            ("v=spf1 mx -all", Some("v=spf1 mx include:mail.example -all")),
            ("v=spf1 redirect=b.example", Some("v=spf1 redirect=b.example include:mail.example")),
            ("v=spf1 include:mail.example -all", None),
        ];
        for (record, publish) in table {
            let records = Records::of_texts(&[("a.example", record)]);
            let found = judge(&sender(Some("mail.example"), ReversePath::MayBeReplaced), &records);
            assert_eq!(found[0].publish.as_deref(), publish, "{record}");
            assert_ne!(found[0].state, State::Wrong, "a service may have a reverse-path of its own");
        }
        assert_eq!(
            proposal(&sender(Some("x.example"), ReversePath::Kept).providers),
            "v=spf1 include:x.example ~all"
        );
    }
}
