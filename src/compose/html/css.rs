//! The rules of stylesheets, written into the elements that they match, as many mail programs read no other.
//!
//! The matching is css-inline's, on a stand-in of the text in which the template's tags are words and every
//! element bears a number. Only the `style` of each number is taken from what comes back, and put into the
//! text as it was: so nothing is moved, closed or written anew, whatever an HTML reader thinks of a loop inside a
//! table. `<style>` itself stays, for media queries and for what cannot be inlined; of a linked stylesheet that
//! is what stays. Where a match depends on the row, nothing can be done beforehand, and [`Undecided`] says why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use css_inline::CSSInliner;

use crate::mail::Source;

use super::super::scan::{Kind, Tag};
use super::edits::{Edit, edited};
use super::images::is_sheet;
use super::tokens::{Element, Token, tags_in, tokens};

/// Bears the number of an element in the stand-in.
const NUMBER: &str = "data-mailrun-number";
/// Pseudo-classes and combinators that look at the elements around one.
const AROUND: [&str; 10] = [":first", ":last", ":nth", ":only", ":empty", ":has(", ":not(", ":is(", "+", "~"];

/// Why styles cannot be inlined before a row is known, and the octets that it hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Undecided {
    pub(super) why: &'static str,
    pub(super) span: Range<usize>,
}

/// The text with its styles inlined; none where no stylesheet speaks of it.
///
/// # Errors
/// Why it depends on the row; never without `tags`.
pub(super) fn inlined(
    text: &str,
    tags: &[Tag],
    sheets: &BTreeMap<String, Source>,
) -> Result<Option<String>, Undecided> {
    let tokens = tokens(text, tags);
    let css = stylesheets(text, &tokens, sheets);
    if css.iter().all(|sheet| sheet.trim().is_empty()) {
        return Ok(None);
    }
    decide(text, tags, &tokens, &css)?;
    let words = Words::new(text, &css);
    let stand_in = stand_in(text, tags, &tokens, sheets, &words);
    let options = CSSInliner::options().load_remote_stylesheets(false).keep_at_rules(false);
    let Ok(styled) = options.build().inline(&stand_in) else {
        return Ok(None);
    };
    let mut edits = linked(text, &tokens, sheets);
    let found = styles(&styled);
    for (number, element) in elements(&tokens).enumerate() {
        let Some(style) = found.get(&number) else { continue };
        let old = element.attribute("style");
        let quote = old.map_or("\"", |old| &text[old.value.start.saturating_sub(1)..old.value.start]);
        // What comes back is written for double quotes.
        let style = if quote == "'" { style.replace('\'', "&#39;") } else { style.clone() };
        let with = words.undone(&style, text, tags);
        edits.push(match old {
            Some(old) if !words.same(&style, &old.value, tags) => {
                let why = "this style cannot be merged with the stylesheet";
                return Err(Undecided { why, span: old.value.clone() });
            }
            Some(old) if matches!(quote, "\"" | "'") => Edit { span: old.value.clone(), with },
            Some(old) => Edit { span: old.value.clone(), with: format!("\"{with}\"") },
            None => {
                let place = element.behind_name();
                Edit { span: place..place, with: format!(" style=\"{with}\"") }
            }
        });
    }
    Ok(Some(edited(text, edits)))
}

/// Whether `href` of a `<link>` names one of the sheets beside the template.
pub(super) fn sheet_of<'a>(
    element: &Element,
    text: &str,
    sheets: &'a BTreeMap<String, Source>,
) -> Option<&'a Source> {
    sheets.get(element.value(text, "href").filter(|_| is_sheet(text, element))?.trim())
}

fn elements(tokens: &[Token]) -> impl Iterator<Item = &Element> {
    tokens.iter().filter_map(|token| match token {
        Token::Open(element) => Some(element),
        Token::Text(_)
        | Token::Close { .. }
        | Token::Raw { .. }
        | Token::Comment(_)
        | Token::Declaration(_) => None,
    })
}

/// All rules that speak of the text, in their order.
fn stylesheets<'a>(text: &'a str, tokens: &[Token], sheets: &'a BTreeMap<String, Source>) -> Vec<&'a str> {
    let of = |token: &Token| match token {
        Token::Raw { name, span } if name == "style" => Some(&text[span.clone()]),
        Token::Open(element) => sheet_of(element, text, sheets).map(Source::text),
        Token::Raw { .. }
        | Token::Text(_)
        | Token::Close { .. }
        | Token::Comment(_)
        | Token::Declaration(_) => None,
    };
    tokens.iter().filter_map(of).collect()
}

/// Whether every match is the same for every row.
fn decide(text: &str, tags: &[Tag], tokens: &[Token], css: &[&str]) -> Result<(), Undecided> {
    let undecided = |why, span: &Range<usize>| Err(Undecided { why, span: span.clone() });
    let is_block = |tag: &Tag| matches!(tag.kind, Kind::Open | Kind::Else(_) | Kind::Close);
    let (around, named) = looks_at(css);
    if let Some(block) = tags.iter().find(|tag| is_block(tag)).filter(|_| around) {
        return undecided("a selector looks at neighbours, and this block changes who they are", &block.span);
    }
    for token in tokens {
        match token {
            Token::Open(element) => {
                if let Some(loose) = &element.loose {
                    return undecided("this tag stands in an element, outside of a quoted value", loose);
                }
                for attribute in &element.attributes {
                    let Some(tag) = tags_in(tags, &attribute.value).first() else { continue };
                    if named.contains(&attribute.name) {
                        return undecided("a selector asks for this attribute", &tag.span);
                    }
                    let block = tags_in(tags, &attribute.value).iter().find(|tag| is_block(tag));
                    if let Some(block) = block.filter(|_| attribute.name == "style") {
                        return undecided("this block decides on a style", &block.span);
                    }
                }
            }
            Token::Raw { name, span } if name == "style" => {
                if let Some(block) = tags_in(tags, span).iter().find(|tag| is_block(tag)) {
                    return undecided("this block decides on a rule", &block.span);
                }
            }
            Token::Text(span) => {
                let raw = |tag: &&Tag| {
                    let shown = &text[tag.span.clone()];
                    shown.starts_with("{{{") || shown.starts_with("{{&") || shown.contains("markdown")
                };
                if let Some(tag) = tags_in(tags, span).iter().find(raw) {
                    return undecided("the HTML that this tag gives is not known", &tag.span);
                }
            }
            Token::Raw { .. } | Token::Close { .. } | Token::Comment(_) | Token::Declaration(_) => {}
        }
    }
    Ok(())
}

/// Whether selectors look at neighbours, and the attributes that they ask for.
fn looks_at(css: &[&str]) -> (bool, Vec<String>) {
    let mut named = vec!["class".to_owned(), "id".to_owned()];
    let mut around = false;
    for (selector, _) in
        css.iter().flat_map(|sheet| rules(sheet)).filter(|(selector, _)| !selector.starts_with('@'))
    {
        around |= AROUND.iter().any(|sign| selector.contains(sign));
        for asked in selector.split('[').skip(1) {
            let end = asked.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(asked.len());
            named.push(asked[..end].to_ascii_lowercase());
        }
    }
    (around, named)
}

/// The rules of a stylesheet: what stands before the brace, and the whole of it.
fn rules(css: &str) -> Vec<(&str, &str)> {
    let bytes = css.as_bytes();
    let (mut found, mut start, mut brace, mut depth, mut at) = (Vec::new(), 0, None, 0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes[at..].starts_with(b"/*") => {
                let end = css[at..].find("*/").map_or(css.len(), |end| at + end + 2);
                if css[start..at].trim().is_empty() {
                    start = end;
                }
                at = end;
                continue;
            }
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
            }
            b'{' => {
                depth += 1;
                brace = brace.or(Some(at));
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                if let Some(open) = brace.filter(|_| depth == 0) {
                    found.push((css[start..open].trim(), css[start..=at].trim()));
                    (start, brace) = (at + 1, None);
                }
            }
            b';' if depth == 0 => {
                found.push((css[start..at].trim(), css[start..=at].trim()));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// What stays of linked stylesheets, in the place of each link: what no element can bear.
fn linked(text: &str, tokens: &[Token], sheets: &BTreeMap<String, Source>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for element in elements(tokens) {
        let Some(sheet) = sheet_of(element, text, sheets) else { continue };
        let stays = |(selector, _): &(&str, &str)| {
            let lower = selector.to_ascii_lowercase();
            if lower.starts_with('@') { !lower.starts_with("@charset") } else { lower.contains(':') }
        };
        let kept: Vec<&str> = rules(sheet.text()).into_iter().filter(stays).map(|(_, rule)| rule).collect();
        let with =
            if kept.is_empty() { String::new() } else { format!("<style>\n{}\n</style>", kept.join("\n")) };
        edits.push(Edit { span: element.span.clone(), with });
    }
    edits
}

/// The text as css-inline is to see it.
fn stand_in(
    text: &str,
    tags: &[Tag],
    tokens: &[Token],
    sheets: &BTreeMap<String, Source>,
    words: &Words,
) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut number = 0;
    for token in tokens {
        match token {
            Token::Open(element) => {
                match sheet_of(element, text, sheets) {
                    Some(sheet) => {
                        out.push_str("<style>");
                        out.push_str(sheet.text());
                        out.push_str("</style>");
                    }
                    // A link to anything else must lead nowhere from here.
                    None if element.name == "link" => {}
                    None => {
                        let behind = element.behind_name();
                        out.push_str(&text[element.span.start..behind]);
                        let _ = write!(out, " {NUMBER}=\"{number}\"");
                        words.put(&mut out, text, tags, &(behind..element.span.end));
                    }
                }
                number += 1;
            }
            Token::Raw { name, span } if name == "style" => words.put(&mut out, text, tags, span),
            Token::Close { span, .. } | Token::Declaration(span) => out.push_str(&text[span.clone()]),
            // A letter keeps an element from being empty, and is the same to every selector.
            Token::Text(span) if !text[span.clone()].trim().is_empty() => out.push('x'),
            Token::Text(_) | Token::Raw { .. } | Token::Comment(_) => {}
        }
    }
    out
}

/// The style of each numbered element of what css-inline gave back.
fn styles(styled: &str) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    for element in elements(&tokens(styled, &[])) {
        let number = element.value(styled, NUMBER).and_then(|number| number.parse().ok());
        if let (Some(number), Some(style)) = (number, element.value(styled, "style")) {
            // An HTML reader may open an element twice; the first is the one that was written.
            found.entry(number).or_insert_with(|| style.to_owned());
        }
    }
    found
}

/// Words that stand for the tags of the template.
struct Words {
    stem: String,
}

impl Words {
    /// Words that occur nowhere in the text.
    fn new(text: &str, css: &[&str]) -> Self {
        let mut stem = "mailrun".to_owned();
        while text.contains(&stem) || css.iter().any(|sheet| sheet.contains(&stem)) {
            stem.push('z');
        }
        Self { stem }
    }

    /// Writes a span of the text with words for the tags in it.
    fn put(&self, out: &mut String, text: &str, tags: &[Tag], span: &Range<usize>) {
        let mut done = span.start;
        for tag in tags_in(tags, span) {
            out.push_str(&text[done..tag.span.start]);
            let _ = write!(out, "{}{}q", self.stem, tag.span.start);
            done = tag.span.end;
        }
        out.push_str(&text[done..span.end]);
    }

    /// The tags that the words of `style` stand for, in their order.
    fn tags_of(&self, style: &str) -> Vec<usize> {
        let number = |rest: &str| rest.split('q').next().and_then(|number| number.parse().ok());
        style.split(self.stem.as_str()).skip(1).filter_map(number).collect()
    }

    /// Whether each tag of the old style is in the new one, once and in the same order.
    fn same(&self, style: &str, span: &Range<usize>, tags: &[Tag]) -> bool {
        let wanted: Vec<usize> = tags_in(tags, span).iter().map(|tag| tag.span.start).collect();
        let found = self.tags_of(style);
        let own: Vec<usize> = found.into_iter().filter(|start| span.contains(start)).collect();
        wanted == own
    }

    /// The style with tags in the place of words.
    fn undone(&self, style: &str, text: &str, tags: &[Tag]) -> String {
        let mut out = String::with_capacity(style.len());
        let mut pieces = style.split(self.stem.as_str());
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (number, rest) = piece.split_once('q').unwrap_or((piece, ""));
            let tag = number.parse().ok().and_then(|start: usize| {
                tags.binary_search_by_key(&start, |tag| tag.span.start).ok().map(|at| &tags[at])
            });
            out.push_str(tag.map_or("", |tag| &text[tag.span.clone()]));
            out.push_str(rest);
        }
        out
    }
}

#[cfg(test)]
mod tests;
