//! One spelling for a name or a password (`SASLprep`, RFC 4013).
//!
//! Two keyboards may give the same letter in two ways; without this, a password with an umlaut is right on
//! one machine and wrong on the other. Letters that Unicode has not assigned pass, as RFC 3454, 7 has it
//! for queries. Whether letters of two directions may stand together (RFC 3454, 6) is left to the server,
//! which never took such a password in the first place.

use icu_normalizer::ComposingNormalizerBorrowed;

/// The text as both sides know it; none if it holds what must not stand in one.
pub(super) fn saslprep(text: &str) -> Option<String> {
    if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return Some(text.to_owned());
    }
    let mapped: String = text.chars().filter(|letter| !is_nothing(*letter)).map(spaced).collect();
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(&mapped);
    (!normal.is_empty() && !normal.chars().any(is_prohibited)).then(|| normal.into_owned())
}

/// RFC 3454, B.1: commonly mapped to nothing.
fn is_nothing(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}' | '\u{2060}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// RFC 3454, C.1.2: spaces beyond ASCII are spaces. (U+200B is nothing already.)
fn spaced(letter: char) -> char {
    match letter {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// RFC 3454, C.2.1 to C.9: controls, private use, what is no character, and what changes how others look.
fn is_prohibited(letter: char) -> bool {
    letter.is_control()
        || u32::from(letter) & 0xfffe == 0xfffe
        || matches!(letter,
            '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}'
            | '\u{100000}'..='\u{10fffd}' | '\u{fdd0}'..='\u{fdef}' | '\u{2ff0}'..='\u{2ffb}'
            | '\u{340}' | '\u{341}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_hold() {
        // RFC 4013, 3, without the one of mixed directions.
        let table = [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("pa\u{a0}ss", Some("pa ss")),
            ("u\u{308}ber", Some("\u{fc}ber")),
            ("\u{fc}ber", Some("\u{fc}ber")),
            ("\u{ad}", None),
            ("\u{e000}", None),
        ];
        for (text, expected) in table {
            assert_eq!(saslprep(text).as_deref(), expected, "{text:?}");
        }
    }
}
