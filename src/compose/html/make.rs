//! What is made of the HTML bodies of a campaign: once where that is enough, and message by message else.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::mail::{Content, Source, Wording, Words};

use super::super::converted::{Converted, is_mjml};
use super::super::parse::{self, Parsed};
use super::super::scan;
use super::css::{self, Undecided};
use super::images;
use super::paste::pasted;
use super::plain;

/// What is left to be done with each message of a wording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct After {
    /// Whether styles are inlined.
    pub(in super::super) css: bool,
    /// Whether a text body is made.
    pub(in super::super) text: bool,
    /// Whether the text body is made, now or then, so that it may turn out empty.
    pub(in super::super) made: bool,
}

/// A content whose HTML bodies are made as it wants.
#[derive(Debug)]
pub(in super::super) struct Made {
    pub(in super::super) content: Content,
    /// For each wording, in the order of [`Content::all_words`].
    pub(in super::super) after: Vec<After>,
    notes: Vec<String>,
}

impl Made {
    /// Makes what `content` wants made; its templates passed the lint.
    pub(in super::super) fn new(content: &Content) -> Self {
        let mut made = Self { content: content.clone(), after: Vec::new(), notes: Vec::new() };
        for partial in made.content.partials.values_mut() {
            *partial = images::embedded(partial, &content.images);
        }
        let letters: Vec<(Option<Source>, Option<Source>)> =
            content.all_words().map(|words| made.letter(content, words)).collect();
        let mut letters = letters.into_iter();
        (made.content.text, made.content.html) = letters.next().unwrap_or_default();
        for (wording, (text, html)) in made.content.wordings.iter_mut().zip(letters) {
            *wording = Wording { text, html, ..wording.clone() };
        }
        made
    }

    /// Whether a content needs none of this.
    pub(in super::super) fn is_needless(content: &Content) -> bool {
        content.images.is_empty() && !content.making.inline_css && !content.making.text
    }

    fn letter(&mut self, content: &Content, words: Words<'_>) -> (Option<Source>, Option<Source>) {
        let mut after = After::default();
        let (mut text, mut html) = (words.text.cloned(), words.html.cloned());
        if let Some(source) = words.html {
            let shown = images::embedded(source, &content.images);
            if content.making.text && text.is_none() {
                text = self.text(source);
                after = After { text: text.is_none(), made: true, ..after };
            }
            let inlines = content.making.inline_css && !is_mjml(source);
            let styled = if inlines { self.styled(source, &shown) } else { Ok(None) };
            html = Some(match styled {
                Ok(styled) => styled.unwrap_or(shown),
                Err(Undecided { why, span }) => {
                    after.css = true;
                    let place = parse::place(source, within(source, &span));
                    self.notes
                        .push(format!("{place}: styles are inlined in each message by itself, as {why}"));
                    shown
                }
            });
        }
        self.after.push(after);
        (text, html)
    }

    /// The body with its styles inlined; none where it has none.
    fn styled(&self, source: &Source, shown: &Source) -> Result<Option<Source>, Undecided> {
        let sheets = &self.content.making.sheets;
        let partials = &self.content.partials;
        let whole = match pasted(shown, partials) {
            Ok(whole) => whole,
            Err(_)
                if !std::iter::once(shown)
                    .chain(partials.values())
                    .any(|source| has_styles(source.text())) =>
            {
                return Ok(None);
            }
            Err(span) => {
                let why = "this partial is given something, or a block";
                return Err(Undecided { why, span: within(source, &span) });
            }
        };
        let tags = scan::tags(&whole).unwrap_or_default();
        match css::inlined(&whole, &tags, sheets) {
            Ok(Some(text)) => {
                let styled = Source::file(source.file.clone(), text);
                let why = "it is too large otherwise";
                if Parsed::new(&styled).is_ok() {
                    Ok(Some(styled))
                } else {
                    Err(Undecided { why, span: 0..0 })
                }
            }
            Ok(None) => Ok(None),
            // What was pasted has other places.
            Err(undecided) => {
                let shown = whole.get(undecided.span.clone()).unwrap_or_default();
                let at = source.text().find(shown).unwrap_or(0);
                Err(Undecided { span: at..at + shown.len(), ..undecided })
            }
        }
    }

    /// A text body of `source`; none where it depends on the row.
    fn text(&mut self, source: &Source) -> Option<Source> {
        let made = pasted(source, &self.content.partials).ok().and_then(|whole| {
            let tags = scan::tags(&whole).ok()?;
            let text = Source::file(source.file.clone(), plain::text_of(&whole, &tags).ok()?);
            Parsed::new(&text).is_ok().then_some(text)
        });
        let when = if made.is_some() { "" } else { ", in each message by itself" };
        self.notes.push(format!("the text body is made from {}{when}", source.file));
        made
    }
}

/// Whether something in a text may be a stylesheet.
fn has_styles(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("<style") || lower.contains("<link")
}

/// A span that lies in the source.
fn within(source: &Source, span: &Range<usize>) -> Range<usize> {
    let length = source.text().len();
    span.start.min(length)..span.end.min(length)
}

/// What the operator should know of how the HTML bodies of `content` are made. Its templates passed the lint.
pub fn notes(content: &Content) -> Vec<String> {
    if Made::is_needless(content) {
        return Vec::new();
    }
    let notes = Made::new(&Converted::new(content).applied(content)).notes;
    // Wordings that share a body share what there is to say of it.
    let mut said = BTreeSet::new();
    notes.into_iter().filter(|note| said.insert(note.clone())).collect()
}
