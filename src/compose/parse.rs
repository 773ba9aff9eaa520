//! Reads a template and keeps what the lint needs to point into it.

use handlebars::Template;

use crate::mail::{Fault, Place, Source};

use super::scan::{self, Tag};

/// Octets of a template. Mail programs cut messages off at a tenth of it.
const TEXT: usize = 1 << 20;
/// Characters of a tag that are shown in words about it.
const SHOWN: usize = 60;

/// A template that is whole, and its tags in their order.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    pub(super) source: &'a Source,
    pub(super) template: Template,
    pub(super) tags: Vec<Tag>,
}

impl<'a> Parsed<'a> {
    /// Reads `source`, or says in plain words why it cannot be read.
    pub(super) fn new(source: &'a Source) -> Result<Self, Box<Fault>> {
        let text = source.text();
        if text.len() > TEXT {
            return Err(Box::new(Fault::error("the template is larger than 1 MiB").at(place(source, 0..0))));
        }
        let tags = scan::tags(text).map_err(|misfit| {
            let fault = Fault::error(misfit.what).at(place(source, misfit.span));
            match misfit.hint {
                Some(hint) => Box::new(fault.hint(hint)),
                None => Box::new(fault),
            }
        })?;
        match Template::compile(text) {
            Ok(template) => Ok(Self { source, template, tags }),
            Err(error) => {
                let at = error.pos().map_or(0, |(line, column)| offset(text, line, column));
                Err(Box::new(not_understood(source, &tags, at)))
            }
        }
    }

    /// The number of the tag that begins at `line` and `column` of the template, or else the next.
    pub(super) fn tag_at(&self, line: usize, column: usize) -> Option<usize> {
        let at = offset(self.source.text(), line, column);
        let number = self.tags.partition_point(|tag| tag.span.start < at);
        (number < self.tags.len()).then_some(number)
    }

    /// The text of a tag.
    pub(super) fn tag_text(&self, number: usize) -> &str {
        &self.source.text()[self.tags[number].span.clone()]
    }
}

/// The place of `span` (octets of the template) in its file.
pub(super) fn place(source: &Source, span: std::ops::Range<usize>) -> Place {
    let start = source.span.start;
    Place::new(source.file.as_str(), source.document.clone(), start + span.start..start + span.end)
}

/// Where the line and column that handlebars counts (characters, both from 1) stand, in octets.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start.min(text.len())..];
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    start + within
}

/// handlebars stopped somewhere at or behind the tag it could not read.
fn not_understood(source: &Source, tags: &[Tag], at: usize) -> Fault {
    let behind = tags.partition_point(|tag| tag.span.start <= at);
    let Some(tag) = tags.get(behind.saturating_sub(1)) else {
        return Fault::error("the template cannot be read").at(place(source, 0..0));
    };
    let mut shown: String = source.text()[tag.span.clone()].chars().take(SHOWN).collect();
    if shown.len() < tag.span.len() {
        shown.push('\u{2026}');
    }
    Fault::error(format!("`{shown}` cannot be understood"))
        .at(place(source, tag.span.clone()))
        .hint("a tag is {{name}}, {{function argument}} or {{#if name}} .. {{/if}}; a column whose name has spaces is {{[its name]}}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_handlebars_cannot_read_is_said_in_plain_words() {
        let table = [
            ("Hello\n{{first name=}}", "t.hbs:2:1: `{{first name=}}` cannot be understood"),
            ("a {{#if a b=(}}x{{/if}}", "t.hbs:1:3: `{{#if a b=(}}` cannot be understood"),
            ("{{a}} ü {{b,c}} {{d}}", "t.hbs:1:9: `{{b,c}}` cannot be understood"),
            ("{{#if a}}x{{else}}y{{else}}z{{/if}}", "t.hbs:1:20: `{{else}}` cannot be understood"),
        ];
        for (text, said) in table {
            let fault = Parsed::new(&Source::file("t.hbs", text)).expect_err(text);
            assert_eq!(fault.to_string(), said, "{text}");
        }
    }

    #[test]
    fn a_template_has_a_size() {
        let source = Source::file("t.hbs", "x".repeat(TEXT + 1));
        assert_eq!(Parsed::new(&source).expect_err("too large").what, "the template is larger than 1 MiB");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in r#"(\{\{|\}\}|\{|\}|[#/~>!^*"'\[\]()=|.@ a-c\n]|else|if|as|each|ü){0,30}"#) {
            let _ = Parsed::new(&Source::file("t.hbs", text.as_str()));
        }
    }
}
