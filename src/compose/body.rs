//! A rendered body in the lines that are sent, and where in it an encoder has to look.
//!
//! Most octets of a body travel as they are, whatever the encoding. The few others are noted while the body
//! is written: those of the template once, when it is compiled; those of a value when it is put in. So
//! nobody has to search the whole for them, and what an encoder copies, it copies in long pieces.

use super::error::Unsound;
use super::mime::{self, CRLF};
use super::pen::{escaped, push_escaped};
use super::program::Escape;

/// What is to be known of the octets of a text, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// Some are [marked](Body::marks).
    const MARKED: u8 = 1;
    /// Some end a line, or may not stand in one.
    const BREAK: u8 = 2;
    /// Some are written otherwise in HTML.
    const MARKUP: u8 = 4;

    /// Looks at `text`.
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |kinds, byte| kinds | KINDS[usize::from(byte)]))
    }

    fn any(self, kind: u8) -> bool {
        self.0 & kind != 0
    }

    /// Whether it ends a line, or holds a NUL.
    pub(super) fn breaks(self) -> bool {
        self.any(Self::BREAK)
    }
}

/// The [kinds](Kinds) of each octet.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
        let byte = octet as u8;
        if mime::is_special(byte) {
            kinds[octet] |= Kinds::MARKED;
        }
        if matches!(byte, b'\r' | b'\n' | 0) {
            kinds[octet] |= Kinds::BREAK;
        }
        if matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'') {
            kinds[octet] |= Kinds::MARKUP;
        }
        octet += 1;
    }
    kinds
};

/// Lines of text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Body {
    text: String,
    /// The places of each LF, and of each octet that quoted-printable always encodes; rising.
    marks: Vec<u32>,
}

impl Body {
    /// The lines, each with its CRLF.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The places of each LF, and of each octet that quoted-printable always encodes; rising.
    pub(super) fn marks(&self) -> &[u32] {
        &self.marks
    }

    /// Forgets all lines, keeps their memory, and has room for `octets`.
    pub(super) fn cleared(mut self, octets: usize) -> Self {
        self.text.clear();
        self.marks.clear();
        self.text.reserve(octets);
        self.marks.reserve(octets / 16);
        self
    }

    /// Adds what another body holds.
    pub(super) fn push(&mut self, other: &Self) {
        let start = self.end();
        self.text.push_str(&other.text);
        self.marks.extend(other.marks.iter().map(|mark| start + mark));
    }

    /// Adds text that holds no end of a line and nothing to mark.
    pub(super) fn push_plain(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds text of the template or the row, with CRLF for each end of a line in it.
    ///
    /// # Errors
    /// A NUL, which no line may hold.
    pub(super) fn push_text(&mut self, text: &str) -> Result<(), Unsound> {
        self.push_value(text, Kinds::of(text), Escape::Nothing)
    }

    /// Adds a value of these `kinds` in the same way.
    ///
    /// # Errors
    /// A NUL.
    pub(super) fn push_value(&mut self, value: &str, kinds: Kinds, escape: Escape) -> Result<(), Unsound> {
        let start = self.text.len();
        if !kinds.any(Kinds::BREAK) {
            match escape {
                Escape::Html if kinds.any(Kinds::MARKUP) => push_escaped(&mut self.text, value),
                Escape::Html | Escape::Nothing => self.text.push_str(value),
            }
            if kinds.any(Kinds::MARKED) {
                self.mark_from(start);
            }
            return Ok(());
        }
        let pushed = match escape {
            Escape::Nothing => mime::push_lines(&mut self.text, value),
            Escape::Html => mime::push_lines(&mut self.text, &escaped(value)),
        };
        self.mark_from(start);
        pushed
    }

    /// Ends the last line, if it has no end.
    pub(super) fn end_line(&mut self) {
        if !self.text.ends_with(CRLF) {
            let start = self.text.len();
            self.text.push_str(CRLF);
            self.mark_from(start);
        }
    }

    /// Without its first line end, which it must begin with.
    pub(super) fn without_first_break(&self) -> Self {
        let width = CRLF.len();
        let shift = u32::try_from(width).expect("two octets");
        Self {
            text: self.text[width..].to_owned(),
            marks: self.marks[1..].iter().map(|mark| mark - shift).collect(),
        }
    }

    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).expect("a body has at most 10 MiB and one value more")
    }

    fn mark_from(&mut self, start: usize) {
        let place = u32::try_from(start).expect("a body has at most 10 MiB and one value more");
        for (at, byte) in (place..).zip(self.text.as_bytes()[start..].iter()) {
            if *byte == b'\n' || KINDS[usize::from(*byte)] & Kinds::MARKED != 0 {
                self.marks.push(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_place_to_look_at_is_marked(values in prop::collection::vec("([a-z]|[=&<\r\n\t\u{7f}üЖ]){0,9}", 0..9)) {
            let mut body = Body::default();
            for (number, value) in values.iter().enumerate() {
                let escape = if number % 2 == 0 { Escape::Html } else { Escape::Nothing };
                body.push_value(value, Kinds::of(value), escape).expect("no NUL");
            }
            body.end_line();
            let mut again = Body::default();
            again.push_text(body.text()).expect("no NUL");
            prop_assert_eq!(&again, &body);
            let looked_at = body.text().bytes().enumerate().filter(|(_, byte)| {
                *byte == b'\n' || mime::is_special(*byte)
            });
            prop_assert!(looked_at.map(|(at, _)| at).eq(body.marks().iter().map(|mark| *mark as usize)));
            let mut twice = body.clone();
            twice.push(&body);
            again.push_text(body.text()).expect("no NUL");
            prop_assert_eq!(twice, again);
        }
    }
}
