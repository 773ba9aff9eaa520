//! Writes what a program renders, up to [`LARGEST`] octets.
//!
//! There are three pens. The [`Straight`] one writes what stands in a header; the [`Lined`] one a body, in the
//! lines that are sent. The [`Indented`] one writes what handlebars would where partials are
//! [indented](super::program::Layout), and keeps its state between two pieces of text to the letter; such
//! lines are brought to CRLF afterwards.

use super::body::Body;
use super::names::Known;
use super::program::{Alone, Escape, Inset, Text};

/// Octets that one message, and so any part of it, may have.
pub(super) const LARGEST: usize = 10 << 20;

/// What a [run](super::run::Run) writes with.
pub(super) trait Pen {
    /// Writes text of the template.
    fn text(&mut self, text: &Text);
    /// Writes a value.
    fn value(&mut self, value: Known<'_>, escape: Escape);
    /// Writes the word that a test stands for, wherever lines are.
    fn word(&mut self, word: &'static str);
    /// Begins a block, and gives what [`Pen::end`] wants back. Matters to indented lines alone, as do the
    /// three that follow.
    fn begin(&mut self, _: Alone) -> Before {
        Before::default()
    }
    /// Begins a partial.
    fn begin_inset(&mut self, _: &Inset) -> Before {
        Before::default()
    }
    /// Ends a block.
    fn end(&mut self, _: Before) {}
    /// Ends a partial.
    fn end_inset(&mut self, _: Before) {}
    /// Whether more than [`LARGEST`] octets were written.
    fn is_full(&self) -> bool;
}

/// What was the case before a block or a partial.
#[derive(Debug, Default)]
pub(super) struct Before {
    produced: bool,
    indents: bool,
    /// What [`Indented::indent`] was, if a partial changed it.
    indent: Option<String>,
}

/// Writes text where it stands.
pub(super) struct Straight<'o> {
    out: &'o mut String,
}

impl<'o> Straight<'o> {
    /// A pen that writes behind what `out` holds.
    pub(super) fn new(out: &'o mut String) -> Self {
        Self { out }
    }
}

impl Pen for Straight<'_> {
    fn text(&mut self, text: &Text) {
        self.out.push_str(&text.given);
    }

    fn value(&mut self, value: Known<'_>, escape: Escape) {
        match escape {
            Escape::Nothing => self.out.push_str(value.text),
            Escape::Html => push_escaped(self.out, value.text),
        }
    }

    fn word(&mut self, word: &'static str) {
        self.out.push_str(word);
    }

    fn is_full(&self) -> bool {
        self.out.len() > LARGEST
    }
}

/// Writes the lines of a body, each with its CRLF.
pub(super) struct Lined<'o> {
    body: &'o mut Body,
    /// Whether the last that was given is a CR, which the next LF belongs to.
    behind_cr: bool,
    /// Whether there was a NUL, which no line may hold.
    nul: bool,
}

impl<'o> Lined<'o> {
    /// A pen that writes into `body`, which is empty.
    pub(super) fn new(body: &'o mut Body) -> Self {
        Self { body, behind_cr: false, nul: false }
    }

    /// Whether everything that was given could be written.
    pub(super) fn is_whole(&self) -> bool {
        !self.nul && !self.is_full()
    }
}

impl Pen for Lined<'_> {
    fn text(&mut self, text: &Text) {
        if text.begins_with_lf && self.behind_cr {
            self.body.push(&text.sent.without_first_break());
        } else {
            self.body.push(&text.sent);
        }
        self.behind_cr = text.ends_with_cr;
    }

    fn value(&mut self, value: Known<'_>, escape: Escape) {
        let Known { text, kinds } = value;
        let given = if self.behind_cr { text.strip_prefix('\n').unwrap_or(text) } else { text };
        self.nul |= self.body.push_value(given, kinds, escape).is_err();
        self.behind_cr = if text.is_empty() { self.behind_cr } else { text.ends_with('\r') };
    }

    fn word(&mut self, word: &'static str) {
        self.body.push_plain(word);
        self.behind_cr = false;
    }

    fn is_full(&self) -> bool {
        self.body.text().len() > LARGEST
    }
}

/// Writes text with the indentation of the partials around it.
pub(super) struct Indented<'o> {
    out: &'o mut String,
    indent: Option<String>,
    /// Whether the last text ended a line.
    ends_line: bool,
    /// Whether the block or the partial has written anything.
    produced: bool,
    /// Whether the next text begins with the indentation.
    indents: bool,
}

impl<'o> Indented<'o> {
    /// A pen that writes behind what `out` holds.
    pub(super) fn new(out: &'o mut String) -> Self {
        Self { out, indent: None, ends_line: false, produced: false, indents: false }
    }

    fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.produced = true;
        let breaks = |octet: Option<&u8>| matches!(octet, Some(b'\n' | b'\r'));
        match &self.indent {
            Some(indent) => {
                if self.indents && !breaks(text.as_bytes().first()) {
                    self.out.push_str(indent);
                }
                // No blanks behind the last line: the next text knows better.
                for (number, line) in text.split_inclusive('\n').enumerate() {
                    if number > 0 {
                        self.out.push_str(indent);
                    }
                    self.out.push_str(line);
                }
            }
            None => self.out.push_str(text),
        }
        self.ends_line = breaks(text.as_bytes().last());
        self.indents = self.ends_line;
    }
}

impl Pen for Indented<'_> {
    fn text(&mut self, text: &Text) {
        self.write(&text.given);
    }

    fn value(&mut self, value: Known<'_>, escape: Escape) {
        match escape {
            Escape::Nothing => self.write(value.text),
            Escape::Html => self.write(&escaped(value.text)),
        }
    }

    fn word(&mut self, word: &'static str) {
        self.out.push_str(word);
    }

    fn begin(&mut self, alone: Alone) -> Before {
        let before = Before { produced: self.produced, indents: self.indents, indent: None };
        self.produced = false;
        self.indents |= alone == Alone::Yes && self.ends_line;
        before
    }

    fn begin_inset(&mut self, inset: &Inset) -> Before {
        let indent = std::mem::replace(&mut self.indent, inset.indent.clone());
        let before = Before { produced: self.produced, indents: self.indents, indent };
        self.produced = false;
        self.indents = inset.alone == Alone::Yes && (self.ends_line || inset.blanks);
        before
    }

    fn end(&mut self, before: Before) {
        if self.produced {
            self.indents = self.ends_line;
        } else {
            self.produced = before.produced;
            self.indents = before.indents;
        }
    }

    fn end_inset(&mut self, mut before: Before) {
        self.indent = before.indent.take();
        self.end(before);
    }

    fn is_full(&self) -> bool {
        self.out.len() > LARGEST
    }
}

/// A value as HTML holds it, in text and between quotes.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// The same in a text of its own.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    push_escaped(&mut out, text);
    out
}
