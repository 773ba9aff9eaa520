//! Recipients by variant, by domain and by error.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::doubts;
use crate::cli::escape;
use crate::cli::limits;
use crate::cli::page::Page;
use crate::cli::printer::heading;
use crate::cli::table::{Align, Rows, Width};
use crate::cli::words::{counted, number};
use crate::engine::Row;
use crate::mail::{Class, State};

/// Domains and errors shown to people; JSON has all of them.
const SHOWN: usize = 15;

/// What became of some recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Counts {
    recipients: u64,
    accepted: u64,
    deferred: u64,
    rejected: u64,
    uncertain: u64,
}

impl Counts {
    fn add(&mut self, state: State) {
        self.recipients += 1;
        match state {
            State::Accepted => self.accepted += 1,
            State::Deferred => self.deferred += 1,
            State::Rejected | State::Expired => self.rejected += 1,
            State::Uncertain => self.uncertain += 1,
            State::Pending | State::Suppressed | State::Cancelled => {}
        }
    }
}

/// What became of the recipients of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DomainCount {
    domain: String,
    #[serde(flatten)]
    counts: Counts,
}

/// What became of those who got one variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct VariantCount {
    variant: String,
    #[serde(flatten)]
    counts: Counts,
}

/// One kind of refusal, and how many recipients met it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ErrorCount {
    class: Option<Class>,
    code: Option<u16>,
    enhanced: Option<String>,
    recipients: u64,
    /// The reply to one of them, as an example.
    reply: String,
}

/// What refusals of one kind share.
type Kind = (Option<Class>, Option<u16>, Option<String>);

/// Counts rows as they come.
#[derive(Debug, Default)]
pub(super) struct Breakdown {
    domains: HashMap<String, Counts>,
    variants: BTreeMap<String, Counts>,
    errors: HashMap<Kind, ErrorCount>,
    /// The first of those of whom nobody can know.
    uncertain: Vec<Row>,
    all_uncertain: usize,
}

impl Breakdown {
    /// Counts one recipient.
    pub(super) fn add(&mut self, row: &Row) {
        let domain = row.email.rsplit('@').next().unwrap_or_default();
        if !self.domains.contains_key(domain) {
            self.domains.insert(domain.to_owned(), Counts::default());
        }
        self.domains.get_mut(domain).expect("it is there or was just put there").add(row.state);
        if !row.variant.is_empty() {
            self.variants.entry(row.variant.clone()).or_default().add(row.state);
        }
        if row.state == State::Uncertain {
            self.all_uncertain += 1;
            if self.uncertain.len() < SHOWN {
                self.uncertain.push(row.clone());
            }
        }
        match row.state {
            State::Deferred | State::Rejected | State::Expired | State::Uncertain => self.count_error(row),
            State::Pending | State::Accepted | State::Suppressed | State::Cancelled => {}
        }
    }

    fn count_error(&mut self, row: &Row) {
        let kind = (row.class, row.code, row.enhanced.clone());
        let count = self.errors.entry(kind).or_insert_with(|| ErrorCount {
            class: row.class,
            code: row.code,
            enhanced: row.enhanced.clone(),
            recipients: 0,
            reply: match &row.doubt {
                Some(doubt) if row.reply.is_empty() => format!("uncertain: {doubt}"),
                Some(_) | None => row.reply.clone(),
            },
        });
        count.recipients += 1;
    }

    /// Domains, the largest first.
    pub(super) fn domains(&self) -> Vec<DomainCount> {
        let count =
            |(domain, counts): (&String, &Counts)| DomainCount { domain: domain.clone(), counts: *counts };
        let mut domains: Vec<_> = self.domains.iter().map(count).collect();
        let size = |count: &DomainCount| Reverse(count.counts.recipients);
        domains.sort_by(|a, b| size(a).cmp(&size(b)).then_with(|| a.domain.cmp(&b.domain)));
        domains
    }

    /// Variants, in the order of their names.
    pub(super) fn variants(&self) -> Vec<VariantCount> {
        let count = |(variant, counts): (&String, &Counts)| VariantCount {
            variant: variant.clone(),
            counts: *counts,
        };
        self.variants.iter().map(count).collect()
    }

    /// Kinds of refusal, the commonest first.
    pub(super) fn errors(&self) -> Vec<ErrorCount> {
        let mut errors: Vec<_> = self.errors.values().cloned().collect();
        errors.sort_by_cached_key(|error| (Reverse(error.recipients), error.code, error.reply.clone()));
        errors
    }

    /// The tables, for people; moments as the clock of `zone` shows them.
    pub(super) fn text(&self, zone: &TimeZone) -> String {
        let mut text = String::new();
        let variants = self.variants();
        let each = variants.iter().map(|count| (&*count.variant, &count.counts));
        text.push_str(&counts("By variant", "variant", each));
        let domains = self.domains();
        let each = domains.iter().map(|count| (&*count.domain, &count.counts));
        text.push_str(&counts("By domain", "domain", each));
        let errors = self.errors();
        if !errors.is_empty() {
            let mut rows = Rows::new(&[
                ("recipients", Align::Right),
                ("class", Align::Left),
                ("for example", Align::Left),
            ]);
            for error in errors.iter().take(SHOWN) {
                let class = error.class.map_or("-", Class::name);
                let code = error.code.map(|code| format!("{code} ")).unwrap_or_default();
                let reply = format!("{code}{}", escape::line(&error.reply));
                rows.add([number(error.recipients), class.to_owned(), reply]);
            }
            text.push_str(&section("By error", &rows, errors.len(), "more kind"));
            text.push_str(&meanings(&errors));
        }
        if !self.uncertain.is_empty() {
            let rows = doubts::rows(&self.uncertain, zone);
            text.push_str(&section("Uncertain", &rows, self.all_uncertain, "more recipient"));
        }
        text
    }
}

/// A table of counts, if there are any.
fn counts<'a>(title: &str, of: &str, each: impl ExactSizeIterator<Item = (&'a str, &'a Counts)>) -> String {
    let all = each.len();
    if all == 0 {
        return String::new();
    }
    let mut rows = Rows::new(&[
        (of, Align::Left),
        ("recipients", Align::Right),
        ("accepted", Align::Right),
        ("deferred", Align::Right),
        ("rejected", Align::Right),
        ("uncertain", Align::Right),
    ]);
    for (name, counts) in each.take(SHOWN) {
        let Counts { recipients, accepted, deferred, rejected, uncertain } = *counts;
        let counted = [recipients, accepted, deferred, rejected, uncertain].map(number);
        rows.add(std::iter::once(escape::line(name).into_owned()).chain(counted));
    }
    section(title, &rows, all, &format!("more {of}"))
}

fn section(title: &str, rows: &Rows, all: usize, more: &str) -> String {
    let mut page = Page::default();
    page.line(format_args!("\n{}", heading(title)));
    page.add(&rows.shown(Width::of_stdout()));
    if let Some(rest) = all.checked_sub(SHOWN).filter(|rest| *rest > 0) {
        page.line(format_args!("  ... and {} (all with --json)", counted(rest as u64, more)));
    }
    page.into_text()
}

/// The classes that occur, in words.
fn meanings(errors: &[ErrorCount]) -> String {
    let present = |class: &Class| errors.iter().any(|error| error.class == Some(*class));
    let mut rows = Rows::new(&[("class", Align::Left), ("means", Align::Left)]);
    for class in Class::ALL.into_iter().filter(present) {
        rows.add([class.name(), limits::class(class)]);
    }
    if rows.is_empty() { String::new() } else { format!("\n{}", rows.shown(Width::of_stdout())) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row of somebody at `domain`.
    pub(crate) fn row(email: &str, state: State, code: u16, reply: &str) -> Row {
        Row {
            row: 2,
            email: email.to_owned(),
            state,
            class: (state == State::Rejected).then_some(Class::RecipientDead),
            relay: "office".to_owned(),
            attempts: 1,
            time: "2026-11-24T06:00:00Z".parse().ok(),
            code: Some(code),
            enhanced: Some("5.1.1".to_owned()),
            reply: reply.to_owned(),
            queue_id: String::new(),
            message_id: "<x@example.com>".to_owned(),
            size: 3_712,
            doubt: None,
            variant: String::new(),
            language: String::new(),
        }
    }

    #[test]
    fn recipients_are_counted_by_domain_and_error() {
        console::set_colors_enabled(false);
        let mut breakdown = Breakdown::default();
        breakdown.add(&row("a@example.com", State::Accepted, 250, "ok"));
        breakdown.add(&row("b@example.com", State::Rejected, 550, "5.1.1 no b"));
        breakdown.add(&row("c@example.org", State::Rejected, 550, "5.1.1 no c"));
        assert_eq!(breakdown.domains()[0].domain, "example.com");
        assert_eq!(breakdown.errors().len(), 1);
        let expected = "
By domain
  domain       recipients  accepted  deferred  rejected  uncertain
  example.com           2         1         0         1          0
  example.org           1         0         0         1          0

By error
  recipients  class           for example
           2  recipient_dead  550 5.1.1 no b

  class           means
  recipient_dead  no such mailbox
";
        assert_eq!(breakdown.text(&TimeZone::UTC), expected);
    }

    #[test]
    fn variants_are_told_apart() {
        console::set_colors_enabled(false);
        let mut breakdown = Breakdown::default();
        for (variant, state) in [("question", State::Accepted), ("letter", State::Rejected)] {
            let row = row("a@example.com", state, 250, "ok");
            breakdown.add(&Row { variant: variant.to_owned(), ..row });
        }
        let expected = "
By variant
  variant   recipients  accepted  deferred  rejected  uncertain
  letter             1         0         0         1          0
  question           1         1         0         0          0
";
        assert!(breakdown.text(&TimeZone::UTC).starts_with(expected), "{}", breakdown.text(&TimeZone::UTC));
    }
}
