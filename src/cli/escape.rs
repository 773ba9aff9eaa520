//! Makes text from outside harmless before it is shown.
//!
//! Replies, cells, names, subjects and file names come from people and servers who may want to drive the
//! terminal: to clear it, to rename the window, to write over what was said, or to turn the direction of
//! a line so that it reads as something else. Everything that did not begin as a literal in this program
//! goes through here.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Controls of C0 and C1, line and paragraph separators, and characters that turn the direction of text
/// (Unicode 9, 3.; CVE-2021-42574).
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
                | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}'
        )
}

fn escape(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|character| is_harmful(character) && !is_kept(character)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) && !is_kept(character) {
            write!(shown, "{}", character.escape_default()).expect("a String takes everything");
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Text for one line: every control is written out, line breaks too.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Text of several lines: line feeds stay, everything else is written out. CRLF becomes a line feed, and
/// a tab four spaces.
pub(crate) fn block(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\t', "    ");
    escape(&text, |character| character == '\n').into_owned()
}

/// The same text, octet for octet as long, with every harmful character replaced. Places in a text that is
/// shown with a caret must not move.
pub(crate) fn in_place(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match (is_harmful(character) && !matches!(character, '\n' | '\r' | '\t'), character.len_utf8()) {
            (false, _) => shown.push(character),
            (true, 3) => shown.push('\u{fffd}'),
            (true, octets) => shown.extend(std::iter::repeat_n('?', octets)),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_drives_the_terminal() {
        let table = [
            ("plain ßtext 漢字 👩‍👩‍👧", "plain ßtext 漢字 👩‍👩‍👧"),
            ("\u{1b}[2J\u{1b}]0;owned\u{7}", "\\u{1b}[2J\\u{1b}]0;owned\\u{7}"),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("user\u{202e}moc.elpmaxe", "user\\u{202e}moc.elpmaxe"),
        ];
        for (text, shown) in table {
            assert_eq!(line(text), shown);
        }
        assert_eq!(block("a\r\n\tb\u{1b}c"), "a\n    b\\u{1b}c");
    }

    #[test]
    fn a_place_does_not_move() {
        for text in ["a\u{1b}b", "\u{9b}x", "\u{202e}x\u{2028}", "\u{e0001}x", "漢\tx\r\n"] {
            let shown = in_place(text);
            assert_eq!(shown.len(), text.len(), "{text:?}");
            assert!(shown.chars().all(|character| !is_harmful(character) || "\n\r\t".contains(character)));
        }
    }
}
