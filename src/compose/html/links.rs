//! Where the links of an HTML body lead: nowhere, to a placeholder, or to where no mail program goes.

use crate::mail::{Content, Fault, Source};

use super::super::parse;
use super::super::scan::Tag;
use super::tokens::{Element, tags_in};

/// What no mail program follows.
const DANGEROUS: [&str; 4] = ["javascript", "vbscript", "data", "file"];
/// Domains that lead to nobody (RFC 2606).
const EXAMPLES: [&str; 3] = ["example.com", "example.org", "example.net"];

/// What is wrong with the link of `element`, if it is one.
pub(super) fn look(content: &Content, source: &Source, tags: &[Tag], element: &Element) -> Option<Fault> {
    let text = source.text();
    let href = element.attribute("href").filter(|_| matches!(element.name.as_str(), "a" | "area"))?;
    let typed = &text[href.value.clone()];
    let inner = tags_in(tags, &href.value);
    // What a tag begins is only known when it is rendered.
    let known = inner.first().map_or(typed, |tag| &text[href.value.start..tag.span.start]);
    let fault = judge(content, known, inner.is_empty())?;
    Some(fault.at(parse::place(source, href.value.clone())))
}

/// Judges the beginning of an address, or all of it.
fn judge(content: &Content, known: &str, whole: bool) -> Option<Fault> {
    let lower = known.trim().to_ascii_lowercase();
    let is_placeholder =
        matches!(lower.as_str(), "" | "#" | "http://" | "https://" | "mailto:" | "http:" | "https:");
    if is_placeholder {
        return whole.then(|| Fault::warning("this link leads nowhere").hint("write where it leads"));
    }
    if let Some((scheme, rest)) = lower.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        if DANGEROUS.contains(&scheme) {
            let what = format!("no mail program follows a link that begins with `{scheme}:`");
            return Some(Fault::error(what).hint("link to an https address"));
        }
        return scheme_of(content, scheme, rest, known, whole);
    }
    if lower.starts_with('#') || lower.contains('{') {
        return None;
    }
    let hint = if lower.starts_with("www.") || lower.starts_with("//") {
        "write https:// before it"
    } else {
        "write the whole address, with https://"
    };
    Some(Fault::warning("this link has no scheme, and leads nowhere from a message").hint(hint))
}

fn scheme_of(content: &Content, scheme: &str, rest: &str, known: &str, whole: bool) -> Option<Fault> {
    if known.trim().contains([' ', '\t', '\n']) && scheme != "mailto" {
        return Some(
            Fault::warning("a space stands in this link")
                .hint("write %20, or {{url_encode ..}} around a value"),
        );
    }
    let host = rest.trim_start_matches('/').split(['/', '?', '#', ':']).next().unwrap_or_default();
    let own = content.from.address.domain();
    let is_example = EXAMPLES.iter().any(|one| host == *one || host.ends_with(&format!(".{one}")));
    let is_ours = EXAMPLES.iter().any(|one| own == *one || own.ends_with(&format!(".{one}")));
    match scheme {
        "http" | "https" if is_example && !is_ours => {
            Some(Fault::warning(format!("this link leads to {host}, which is for examples only")))
        }
        "http" => Some(Fault::warning("this link is not encrypted").hint("write https://")),
        "https" if whole && !host.contains('.') && host != "localhost" => {
            Some(Fault::warning(format!("`{host}` is no host that others reach")))
        }
        _ => None,
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        // A host with a port.
        && !text.contains('.')
}
