//! Finds the tags of a template and checks that they fit together, before handlebars reads it.
//!
//! handlebars' own words for a syntax error name the rules of its grammar, and its parser descends as
//! deep as the text asks it to. So the tags are found here first, by the same grammar: each must end,
//! each block must be closed, and nothing may nest deeper than [`DEPTH`]. What passes is then parsed by
//! handlebars; what the tags mean is none of this file's business.

use std::ops::Range;

/// How deep blocks may nest, partials and `{{else if}}` counted. Rendering descends as deep.
pub(super) const DEPTH: usize = 64;
/// How deep parentheses and brackets may nest within a tag.
const TAG_DEPTH: usize = 16;

/// What a tag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{{name}}`, `{{{name}}}`, `{{> name}}`: stands for something.
    Value,
    /// `{{#name}}`, `{{{{name}}}}`.
    Open,
    /// `{{else}}`, `{{else if}}`, `{{^}}` of the block whose opening tag has this number.
    Else(usize),
    /// `{{/name}}`.
    Close,
    /// `{{! }}`.
    Comment,
}

/// One tag of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    /// From the first brace to the last, in octets of the template.
    pub(super) span: Range<usize>,
}

/// Why the tags of a template do not fit together, and at which octets of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) what: String,
    pub(super) span: Range<usize>,
    pub(super) hint: Option<String>,
}

impl Misfit {
    fn new(what: impl Into<String>, span: Range<usize>) -> Self {
        Self { what: what.into(), span, hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The tags of `text` in their order.
pub(super) fn tags(text: &str) -> Result<Vec<Tag>, Misfit> {
    let mut found = Scan { text, tags: Vec::new(), open: Vec::new() };
    let mut place = 0;
    while let Some(start) = text[place..].find("{{").map(|at| place + at) {
        place = if is_escaped(text, start) { start + 2 } else { found.tag(start)? };
    }
    match found.open.pop() {
        Some(open) => {
            let span = found.tags[open].span.clone();
            let name = name_of(&text[span.clone()]);
            let what = format!("`{}` is never closed", &text[span.clone()]);
            Err(Misfit::new(what, span).hint(format!("add `{{{{/{name}}}}}` where it ends")))
        }
        None => Ok(found.tags),
    }
}

/// Exactly one backslash before a tag makes it text; two are a backslash before a tag.
fn is_escaped(text: &str, start: usize) -> bool {
    text.as_bytes()[..start].iter().rev().take_while(|byte| **byte == b'\\').count() == 1
}

/// The name that opens or closes a block: what follows the braces and signs.
fn name_of(tag: &str) -> &str {
    let inner = tag.trim_start_matches(['{', '~', '#', '/', '>', '*', '&', ' ', '\t', '\r', '\n']);
    let end = inner.find(|character: char| character.is_whitespace() || matches!(character, '}' | '~' | '('));
    &inner[..end.unwrap_or(inner.len())]
}

struct Scan<'a> {
    text: &'a str,
    tags: Vec<Tag>,
    /// The opening tags of the blocks that are not closed yet, by number.
    open: Vec<usize>,
}

impl Scan<'_> {
    /// Takes the tag that begins at `start`, and gives where the text goes on.
    fn tag(&mut self, start: usize) -> Result<usize, Misfit> {
        let rest = &self.text[start..];
        if rest.starts_with("{{!") {
            return self.comment(start);
        }
        if rest.starts_with("{{{{") {
            return self.raw_block(start);
        }
        let span = start..self.end(start)?;
        let tag = &self.text[span.clone()];
        let inner = tag.trim_matches(['{', '}', '~']).trim();
        if inner.is_empty() {
            return Err(Misfit::new("an empty tag stands for nothing", span));
        }
        let kind = self.kind(inner, &span)?;
        let end = span.end;
        self.tags.push(Tag { kind, span });
        Ok(end)
    }

    fn kind(&mut self, inner: &str, span: &Range<usize>) -> Result<Kind, Misfit> {
        let word = inner.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        if inner.starts_with('#') {
            self.open.push(self.tags.len());
            if self.open.len() > DEPTH {
                return Err(Misfit::new(format!("blocks nest deeper than {DEPTH}"), span.clone()));
            }
            Ok(Kind::Open)
        } else if inner.starts_with('/') {
            self.close(span)?;
            Ok(Kind::Close)
        } else if word == "else" || inner.starts_with('^') {
            let Some(open) = self.open.last() else {
                let what = format!("`{}` stands in no block", &self.text[span.clone()]);
                return Err(Misfit::new(what, span.clone()).hint("it belongs between {{#if ..}} and {{/if}}"));
            };
            Ok(Kind::Else(*open))
        } else {
            Ok(Kind::Value)
        }
    }

    fn close(&mut self, span: &Range<usize>) -> Result<(), Misfit> {
        let tag = &self.text[span.clone()];
        let Some(open) = self.open.pop() else {
            return Err(Misfit::new(format!("`{tag}` closes nothing"), span.clone()));
        };
        let opening = &self.text[self.tags[open].span.clone()];
        let (opened, closed) = (name_of(opening), name_of(tag));
        // A partial block may be closed by `{{/}}`.
        if opened == closed || closed.is_empty() && opening.contains('>') {
            return Ok(());
        }
        let line = self.text[..self.tags[open].span.start].matches('\n').count() + 1;
        let what = format!("`{tag}` cannot close `{opening}` of line {line}");
        Err(Misfit::new(what, span.clone()).hint(format!("close it with `{{{{/{opened}}}}}` first")))
    }

    fn comment(&mut self, start: usize) -> Result<usize, Misfit> {
        let rest = &self.text[start..];
        let long = rest.strip_prefix("{{!--").and_then(|rest| rest.find("--}}")).map(|found| found + 9);
        let end = long.or_else(|| rest.find("}}").map(|found| found + 2)).map(|length| start + length);
        let end = end.ok_or_else(|| Misfit::new("this comment never ends", start..start + 3))?;
        self.tags.push(Tag { kind: Kind::Comment, span: start..end });
        Ok(end)
    }

    /// `{{{{raw}}}} text {{{{/raw}}}}`: nothing between is a tag.
    fn raw_block(&mut self, start: usize) -> Result<usize, Misfit> {
        let open = start..start + 4;
        let unclosed = || Misfit::new("a block in four braces is never closed", open.clone());
        let rest = &self.text[start..];
        let opened = rest.find("}}}}").ok_or_else(unclosed)? + 4;
        let closing = opened + rest[opened..].find("{{{{").ok_or_else(unclosed)?;
        let closed = closing + rest[closing..].find("}}}}").ok_or_else(unclosed)? + 4;
        self.tags.push(Tag { kind: Kind::Open, span: start..start + opened });
        self.tags.push(Tag { kind: Kind::Close, span: start + closing..start + closed });
        Ok(start + closed)
    }

    /// Where the tag that begins at `start` ends, quotes and brackets respected.
    fn end(&self, start: usize) -> Result<usize, Misfit> {
        let bytes = self.text.as_bytes();
        let braces = bytes[start..].iter().take(3).take_while(|byte| **byte == b'{').count();
        let (mut place, mut quote, mut depth) = (start + braces, None, 0_usize);
        while place < bytes.len() {
            let byte = bytes[place];
            match quote {
                Some(b']') if byte == b']' => quote = None,
                Some(b']') => {}
                Some(_) if byte == b'\\' => place += 1,
                Some(mark) if byte == mark => quote = None,
                Some(_) => {}
                None => match byte {
                    b'"' | b'\'' => quote = Some(byte),
                    b'[' => quote = Some(b']'),
                    b'(' => depth += 1,
                    b')' => depth = depth.saturating_sub(1),
                    b'}' if bytes[place..].starts_with(b"}}") => {
                        let more = bytes[place..].iter().take(braces).take_while(|b| **b == b'}').count();
                        return Ok(place + more);
                    }
                    b'{' if bytes[place..].starts_with(b"{{") => break,
                    _ => {}
                },
            }
            if depth > TAG_DEPTH {
                let what = format!("parentheses nest deeper than {TAG_DEPTH}");
                return Err(Misfit::new(what, start..place));
            }
            place += 1;
        }
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        let shown = start..start + line.trim_end().len();
        Err(Misfit::new("this tag never ends", shown).hint("a tag ends with }}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_found_as_handlebars_finds_them() {
        let text =
            r#"a {{x}} \{{no}} \\{{y}} {{!-- {{z}} --}}{{#if (eq a "}}")}}{{{b}}}{{else}}{{~c~}}{{/if}}"#;
        let found: Vec<&str> = tags(text).expect("fits").iter().map(|tag| &text[tag.span.clone()]).collect();
        let expected = [
            "{{x}}",
            "{{y}}",
            "{{!-- {{z}} --}}",
            r#"{{#if (eq a "}}")}}"#,
            "{{{b}}}",
            "{{else}}",
            "{{~c~}}",
            "{{/if}}",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_does_not_fit_is_said_in_plain_words() {
        let deep = "{{#if a}}".repeat(65);
        let parentheses = format!("{{{{x {}", "(".repeat(100_000));
        let table = [
            ("Hello {{name", "this tag never ends"),
            ("Hello {{name}", "this tag never ends"),
            ("{{a {{b}}", "this tag never ends"),
            ("{{}}", "an empty tag stands for nothing"),
            ("{{#if a}} x", "`{{#if a}}` is never closed"),
            ("{{#if a}}\n{{#each b}}{{/if}}", "`{{/if}}` cannot close `{{#each b}}` of line 2"),
            ("x {{/if}}", "`{{/if}}` closes nothing"),
            ("{{else}}", "`{{else}}` stands in no block"),
            ("{{!-- x", "this comment never ends"),
            ("{{{{raw}}}} x", "a block in four braces is never closed"),
            (deep.as_str(), "blocks nest deeper than 64"),
            (parentheses.as_str(), "parentheses nest deeper than 16"),
        ];
        for (text, what) in table {
            assert_eq!(tags(text).expect_err(text).what, what);
        }
    }

    proptest! {
        #[test]
        fn no_text_confuses_it(text in r#"(?s)(\{\{|\}\}|\{|\}|[#/~>!^"'\[\]()\\ a-c]|else|ü|.){0,40}"#) {
            if let Ok(tags) = tags(&text) {
                let mut end = 0;
                for tag in tags {
                    prop_assert!(tag.span.start >= end && tag.span.end > tag.span.start);
                    prop_assert!(text[tag.span.clone()].starts_with("{{"));
                    end = tag.span.end;
                }
            }
        }
    }
}
