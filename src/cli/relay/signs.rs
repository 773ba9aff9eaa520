//! Who signs what goes through a relay, and the records by which others can tell.

use serde_json::json;

use crate::compose::{Published, Signer};

use super::super::page::Page;

/// For people; empty if nobody signs.
pub(super) fn text(signers: &[Signer]) -> String {
    let mut page = Page::default();
    for signer in signers {
        let named = |published: &Published| format!("{} ({})", published.selector, published.key.kind());
        let keys = signer.keys().iter().map(named).collect::<Vec<_>>().join(" and ");
        page.fact("signs", &format!("{} with {keys}; DNS must say", signer.domain()));
        for published in signer.keys() {
            page.under(&format!("{} TXT", name(signer, published)));
            page.under(&format!("\"{}\"", published.key.record()));
        }
    }
    page.into_text()
}

/// For scripts.
pub(super) fn as_json(signers: &[Signer]) -> serde_json::Value {
    let key = |signer: &Signer, published: &Published| {
        json!({
            "selector": published.selector,
            "kind": published.key.kind().to_string(),
            "name": name(signer, published),
            "record": published.key.record(),
        })
    };
    let signer = |signer: &Signer| {
        let keys: Vec<_> = signer.keys().iter().map(|published| key(signer, published)).collect();
        json!({ "domain": signer.domain(), "keys": keys })
    };
    signers.iter().map(signer).collect()
}

/// Where the public half of a key stands (RFC 6376, 3.6.2.1).
fn name(signer: &Signer, published: &Published) -> String {
    format!("{}._domainkey.{}", published.selector, signer.domain())
}
