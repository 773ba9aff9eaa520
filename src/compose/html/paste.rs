//! Partials put where they are included, so that the whole of an HTML body is one text.
//!
//! A partial that is included without arguments means the same where it stands. One with arguments, with a
//! block of its own, or whose braces trim white space does not, and is left alone.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::mail::Source;

use super::super::scan::{self, DEPTH, Kind, Tag};

/// A text in which no partial is included any more, or the octets of the tag that includes one which stays.
pub(super) fn pasted(source: &Source, partials: &BTreeMap<String, Source>) -> Result<String, Range<usize>> {
    paste(source.text(), partials, 0)
}

fn paste(text: &str, partials: &BTreeMap<String, Source>, depth: usize) -> Result<String, Range<usize>> {
    let tags = scan::tags(text).map_err(|misfit| misfit.span)?;
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for tag in tags.iter().filter(|tag| is_partial(&text[tag.span.clone()])) {
        let partial = called(text, tag).and_then(|name| partials.get(name)).filter(|_| depth < DEPTH);
        let partial = partial.ok_or_else(|| tag.span.clone())?;
        // What is wrong deeper down is shown at the tag that leads there.
        let inner = paste(partial.text(), partials, depth + 1).map_err(|_| tag.span.clone())?;
        let around = standing_alone(text, &tag.span).unwrap_or_else(|| tag.span.clone());
        out.push_str(&text[done..around.start.max(done)]);
        out.push_str(&inner);
        done = around.end;
    }
    out.push_str(&text[done..]);
    Ok(out)
}

/// Whether a tag includes a partial, or a decorator does something of the kind.
fn is_partial(tag: &str) -> bool {
    let inner = tag.trim_start_matches(['{', '~']).trim_start();
    ["> ", ">", "#>", "# >", "#*", "*"].iter().any(|sign| inner.starts_with(sign))
}

/// The name of the partial that a tag includes and nothing but includes.
fn called<'a>(text: &'a str, tag: &Tag) -> Option<&'a str> {
    if tag.kind != Kind::Value {
        return None;
    }
    let inner = text[tag.span.clone()].strip_prefix("{{")?.strip_suffix("}}")?;
    let name = inner.trim_start().strip_prefix('>')?.trim();
    let is_name = |character: char| character.is_alphanumeric() || "_-./".contains(character);
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// The line of a tag that stands alone on it: blanks before it and the line end behind it are no part of what
/// is rendered.
fn standing_alone(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[..span.start];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let behind = &text[span.end..];
    let end = behind.find('\n').map_or(text.len(), |at| span.end + at + 1);
    let blank = |text: &str| text.chars().all(char::is_whitespace);
    (blank(&text[start..span.start]) && blank(&text[span.end..end])).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_without_arguments_stands_where_it_is_included() {
        let partial = |name: &str, text: &str| (name.to_owned(), Source::file("p.hbs", text));
        let partials = BTreeMap::from([
            partial("head", "<h1>{{title}}</h1>\n"),
            partial("nested", "<div>{{> head}}</div>"),
            partial("odd", "{{> head x=1}}"),
        ]);
        let table = [
            ("a {{> head}} b", Ok("a <h1>{{title}}</h1>\n b")),
            ("a\n  {{> head }}\nb", Ok("a\n<h1>{{title}}</h1>\nb")),
            ("{{>nested}}", Ok("<div><h1>{{title}}</h1>\n</div>")),
            ("no partial", Ok("no partial")),
            ("{{> head title=x}}", Err(0..18)),
            ("ab {{~> head}}", Err(3..14)),
            ("{{> odd}}", Err(0..9)),
            ("{{#> head}}x{{/head}}", Err(0..11)),
            ("{{> none}}", Err(0..10)),
        ];
        for (text, expected) in table {
            let found = pasted(&Source::file("t.hbs", text), &partials);
            assert_eq!(found.as_deref().map_err(Clone::clone), expected, "{text}");
        }
    }
}
