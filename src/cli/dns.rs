//! What the DNS says of those who send, for people and for scripts: `check --dns`, `relay test --dns`.

use std::net::SocketAddr;

use serde_json::json;

use crate::engine::{DnsFinding as Finding, DnsState as State};

use super::escape;
use super::exit::Exit;
use super::page::Page;
use super::printer::heading;

/// RFC 1035, 3.3: octets of one string of a TXT record; longer ones are written as several.
const STRING: usize = 255;
/// Columns of what a finding is about.
const ABOUT: usize = 7;

/// Flags of the commands that look up what is published.
#[derive(Debug, clap::Args)]
pub(crate) struct DnsArgs {
    /// Look up what DNS says: SPF, DKIM keys, DMARC, MX (the only thing here that asks the network)
    #[arg(long)]
    pub(crate) dns: bool,
    /// Ask this resolver instead of the machine's own
    #[arg(long, value_name = "ADDRESS:PORT", requires = "dns")]
    pub(crate) resolver: Option<SocketAddr>,
}

/// How a command with these findings ends: whatever is wrong differs from what is expected, and what could not be
/// asked was not foreseen.
pub(crate) fn exit(findings: &[Finding]) -> Exit {
    let any = |state| findings.iter().any(|finding| finding.state == state);
    if any(State::Wrong) {
        Exit::Differs
    } else if any(State::Unknown) {
        Exit::Unexpected
    } else {
        Exit::Done
    }
}

/// For people.
pub(crate) fn text(findings: &[Finding]) -> String {
    let mut page = Page::default();
    for finding in findings {
        let about = heading(&format!("{:<ABOUT$}", finding.subject.to_string()));
        page.line(format_args!("  {about}{}: {}", escape::line(&finding.name), finding.state));
        page.line(format_args!("  {:ABOUT$}{}", "", escape::line(&finding.what)));
        let mut under = |name: &str, words: &str| {
            page.line(format_args!("  {:ABOUT$}{name:<9}{}", "", escape::line(words)));
        };
        for record in &finding.found {
            under("found", record);
        }
        if let Some(record) = &finding.publish {
            under("publish", &format!("{} TXT {}", finding.name, quoted(record)));
        }
    }
    page.into_text()
}

/// For scripts.
pub(crate) fn as_json(findings: &[Finding]) -> serde_json::Value {
    let one = |finding: &Finding| {
        json!({
            "about": finding.subject.to_string(),
            "name": finding.name,
            "state": finding.state.to_string(),
            "what": finding.what,
            "found": finding.found,
            "publish": finding.publish,
        })
    };
    findings.iter().map(one).collect()
}

/// A TXT record as zone files have it (RFC 1035, 5.1).
fn quoted(record: &str) -> String {
    let escaped = |piece: &[u8]| String::from_utf8_lossy(piece).replace('\\', "\\\\").replace('"', "\\\"");
    let strings = record.as_bytes().chunks(STRING).map(|piece| format!("\"{}\"", escaped(piece)));
    strings.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Subject;

    fn finding(state: State) -> Finding {
        Finding {
            subject: Subject::Spf,
            name: "a.example".into(),
            state,
            found: vec!["v=spf1 \u{1b}[2J".into()],
            what: "it does not include b.example".into(),
            publish: Some("v=spf1 include:b.example ~all".into()),
        }
    }

    #[test]
    fn what_is_wrong_ends_otherwise_than_what_nobody_knows() {
        let table: [(&[State], Exit); 4] = [
            (&[State::Good, State::Doubtful], Exit::Done),
            (&[State::Unknown, State::Wrong], Exit::Differs),
            (&[State::Good, State::Unknown], Exit::Unexpected),
            (&[], Exit::Done),
        ];
        for (states, expected) in table {
            let findings: Vec<Finding> = states.iter().map(|state| finding(*state)).collect();
            assert_eq!(exit(&findings), expected, "{states:?}");
        }
    }

    #[test]
    fn a_finding_shows_what_was_found_and_what_to_publish() {
        console::set_colors_enabled(false);
        let text = text(&[finding(State::Wrong)]);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], "SPF    a.example: wrong");
        assert_eq!(lines[1], "it does not include b.example");
        assert!(lines[2].starts_with("found    v=spf1") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(lines[3], "publish  a.example TXT \"v=spf1 include:b.example ~all\"");
    }

    #[test]
    fn a_long_record_is_written_in_strings() {
        let record = "x".repeat(300);
        assert_eq!(quoted(&record), format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45)));
        assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
    }
}
