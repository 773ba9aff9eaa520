//! The room as a whole: a content and a row in, octets out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Composer, Keys, RowFault};
use crate::mail::{Address, Batch, BatchId, Content, Mailbox, PlanId, Recipient, RecipientNo, RunNo, Source};
use jiff::Timestamp;

mod documented;
mod enclosed;
mod faults;
mod findings;
mod international;
mod languages;
mod made;
mod messages;
mod oracle;
mod properties;
mod rows;
mod written;

fn source(text: &str) -> Source {
    Source::file("t.hbs", text)
}

fn sources<const N: usize>(named: [(&str, &str); N]) -> BTreeMap<String, Source> {
    named
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Source::file(format!("partials/{name}.hbs"), text)))
        .collect()
}

fn texts<const N: usize>(named: [(&str, &str); N]) -> BTreeMap<String, String> {
    named.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

pub(super) fn content() -> Content {
    Content {
        reverse_path: address("bounces@example.com"),
        text: Some(source("Hello {{first_name}},\nit is autumn in {{city}}.\n")),
        name: Some(source("{{first_name}}")),
        defaults: texts([("first_name", "there")]),
        split: texts([("items", ";")]),
        ..Content::new(
            "autumn",
            Mailbox::parse("Example News <news@example.com>").expect("a mailbox"),
            source("{{first_name}}, the autumn letter"),
            ["email", "first_name", "city", "items", "title"].map(str::to_owned).to_vec(),
        )
    }
}

fn row(cells: [&str; 4]) -> Recipient {
    Recipient {
        row: 7,
        address: address("ada@example.org"),
        fields: ["ada@example.org"].into_iter().chain(cells).collect(),
        more: Vec::new(),
    }
}

fn composer(content: Content) -> Composer {
    Composer::new(Arc::new(content), &Keys::new(&[7; 32]), PlanId([3; 16])).expect("the lint finds no error")
}

fn batch() -> Batch {
    let id = BatchId { run: RunNo(1), number: 5, part: 0 };
    Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(5)] }
}

fn date() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().expect("a moment")
}

fn compose(content: Content, cells: [&str; 4]) -> Result<String, RowFault> {
    let message = composer(content).compose(&batch(), &[row(cells)], date())?;
    Ok(String::from_utf8(message.octets.to_vec()).expect("a message is text"))
}
