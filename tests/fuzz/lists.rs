//! What must hold whatever stands in a list: no cell adds, breaks or ends a header, and none ends a message.

#![allow(dead_code, reason = "only one fuzz target uses it")]

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use mailrun::compose::{Composer, Keys};
use mailrun::mail::{
    Address, Batch, BatchId, Content, Mailbox, PlanId, Recipient, RecipientNo, RunNo, Source, Unsubscribe,
};

/// Columns beside the address.
const COLUMNS: [&str; 4] = ["name", "city", "title", "note"];
/// What divides the cells of a case.
const DIVIDER: char = '\u{1e}';

/// The fields of every message, in their order.
const FIELDS: [&str; 14] = [
    "Date",
    "Message-ID",
    "From",
    "Reply-To",
    "To",
    "Subject",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Precedence",
    "X-City",
    "X-Note",
    "MIME-Version",
    "Content-Type",
];

static COMPOSER: LazyLock<Composer> = LazyLock::new(|| {
    let composer = Composer::new(Arc::new(content()), &Keys::new(&[7; 32]), PlanId([3; 16]));
    composer.unwrap_or_else(|faults| panic!("{faults:?}"))
});

fn source(text: &str) -> Source {
    Source::file("t.hbs", text)
}

fn content() -> Content {
    let headers =
        [("X-City", "City: {{city}} {{{title}}}"), ("X-Note", "=?{{note}}?="), ("Precedence", "bulk")];
    Content {
        reply_to: Some(Mailbox::parse("hello@example.com").expect("a mailbox")),
        reverse_path: Address::parse("bounces@example.com").expect("an address"),
        text: Some(source("Dear {{name}},\n{{{note}}}\n")),
        html: Some(source("<p title=\"{{title}}\">{{name}} {{{note}}}</p>")),
        headers: headers.map(|(name, text)| (name.to_owned(), source(text))).into(),
        list_id: Some("news.example.com".into()),
        name: Some(source("{{title}} {{name}}")),
        unsubscribe: Unsubscribe {
            url: Some(source("https://u.example.com/{{token}}?c={{url_encode city}}")),
            mailto: Some(Address::parse("unsubscribe@example.com").expect("an address")),
        },
        verp: true,
        ..Content::new(
            "autumn",
            Mailbox::parse("Example News <news@example.com>").expect("a mailbox"),
            source("Hello {{name}} {{{city}}}"),
            ["email"].into_iter().chain(COLUMNS),
        )
    }
}

/// Composes the message of a row whose cells are the parts of `octets`, and looks at every line of it.
pub(crate) fn row(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let cells = text.split(DIVIDER).chain(std::iter::repeat("")).take(COLUMNS.len());
    let recipient = Recipient {
        row: 2,
        address: Address::parse("ada@example.net").expect("an address"),
        fields: std::iter::once("ada@example.net").chain(cells).collect(),
        more: Vec::new(),
    };
    let id = BatchId { run: RunNo(1), number: 1, part: 0 };
    let batch = Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(1)] };
    let message = match COMPOSER.compose(&batch, std::slice::from_ref(&recipient), Timestamp::UNIX_EPOCH) {
        Ok(message) => message,
        Err(fault) => {
            assert!(COMPOSER.check(&recipient).is_err(), "what check takes is composed: {fault}");
            return;
        }
    };
    assert!(COMPOSER.check(&recipient).is_ok());
    judge(std::str::from_utf8(&message.octets).expect("a message is text"));
    let path = message.envelope.reverse_path.expect("a reverse-path");
    assert!(path.as_str().starts_with("bounces+") && path.local_part().len() <= 64);
}

fn judge(message: &str) {
    assert!(message.is_ascii() && message.ends_with("\r\n"));
    let lines: Vec<&str> = message.split("\r\n").collect();
    assert!(lines.iter().all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0'])));
    assert!(lines.iter().all(|line| !line.starts_with('.') && !line.starts_with("From ")));
    let (fields, _) = message.split_once("\r\n\r\n").expect("fields end with an empty line");
    let beginnings = fields.split("\r\n").filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = beginnings.map(|line| line.split(':').next().expect("a name")).collect();
    assert_eq!(names, FIELDS);
    assert!(fields.split("\r\n").all(|line| !line.trim().is_empty()), "a folded line of nothing but space");
    // Two parts, and the end. A cell may speak of a boundary, too, in the fields before.
    let (_, boundary) = fields.rsplit_once("boundary=\"").expect("two parts");
    let boundary = boundary.split('"').next().expect("a boundary");
    assert_eq!(message.matches(&format!("--{boundary}")).count(), 3);
}
