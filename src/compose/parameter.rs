//! Names of files as parameters of a field (RFC 2045, 5.1; RFC 2183; RFC 2231).
//!
//! A name that is short and plain is a quoted string. Any other is written by RFC 2231, percent-encoded and in
//! numbered pieces, so that no octet of it can end a string, a parameter or a line. What comes here is cleaned.

use super::headers::LINE;

/// Octets of a name: what file systems take.
const NAME: usize = 255;
/// Octets of a name that stands as it is on one line.
const SHORT: usize = 60;

/// A name fit for a file of the recipient's: without control characters, and without what would lead into
/// another folder. Empty if nothing is left of it.
pub(super) fn file_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect();
    let name = super::headers::cleaned(name);
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// Writes `;` and the parameter `key` on lines of its own.
pub(super) fn write(out: &mut Vec<u8>, key: &str, value: &str) {
    if is_short(value) {
        out.extend_from_slice(b";\r\n ");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"=\"");
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
        return;
    }
    // The blank, `*`, two digits, `*=` and the `;` behind it.
    let room = LINE - key.len() - 8;
    let mut pieces = vec![String::from("utf-8''")];
    for character in value.chars() {
        let mut encoded = String::new();
        character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| percent(&mut encoded, byte));
        match pieces.last_mut() {
            Some(piece) if piece.len() + encoded.len() <= room => piece.push_str(&encoded),
            // No piece ends within a character, as some decode each by itself, Python's `email` among them.
            Some(_) | None => pieces.push(encoded),
        }
    }
    match pieces.as_slice() {
        [only] => push(out, &format!("{key}*={only}")),
        several => {
            for (number, piece) in several.iter().enumerate() {
                push(out, &format!("{key}*{number}*={piece}"));
            }
        }
    }
}

/// The same name in the plain letters that older programs read, Outlook among them; an ending stays.
pub(super) fn plain(name: &str) -> String {
    let safe = |c: char| if c.is_ascii() && is_plain(c as u8) { c } else { '_' };
    let letters: String = name.chars().map(safe).collect();
    if letters.len() <= SHORT {
        return letters;
    }
    let ending = letters.rfind('.').filter(|at| letters.len() - at <= 10).map_or("", |at| &letters[at..]);
    format!("{}{ending}", &letters[..SHORT - ending.len()])
}

fn push(out: &mut Vec<u8>, parameter: &str) {
    out.extend_from_slice(b";\r\n ");
    out.extend_from_slice(parameter.as_bytes());
}

fn is_short(value: &str) -> bool {
    value.len() <= SHORT && value.bytes().all(is_plain) && !value.contains("=?")
}

/// What needs no escape in a quoted string, and means nothing to whoever reads it again.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'%')
}

/// RFC 2231, 7: `attribute-char`.
fn percent(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
        out.push(char::from(byte));
    } else {
        out.push('%');
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, "filename", value);
        String::from_utf8(out).expect("a parameter is text")
    }

    /// Reads a parameter by the letter of RFC 2231, 3 and 4.
    fn read(text: &str) -> String {
        let mut value = String::new();
        for parameter in text.split(";\r\n ").skip(1) {
            let (name, piece) = parameter.split_once('=').expect("a parameter");
            if !name.ends_with('*') {
                return piece.trim_matches('"').to_owned();
            }
            value.push_str(piece);
        }
        let encoded = value.strip_prefix("utf-8''").expect("a character set");
        let mut octets = Vec::new();
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            octets.push(match byte {
                b'%' => {
                    let digits = [rest.next(), rest.next()].map(|digit| digit.expect("a digit"));
                    u8::from_str_radix(std::str::from_utf8(&digits).expect("digits"), 16)
                        .expect("hexadecimal")
                }
                byte => byte,
            });
        }
        String::from_utf8(octets).expect("UTF-8")
    }

    #[test]
    fn names_are_quoted_or_percent_encoded() {
        let table = [
            ("report.pdf", ";\r\n filename=\"report.pdf\""),
            ("my report (2).pdf", ";\r\n filename=\"my report (2).pdf\""),
            ("M\u{e4}rz.pdf", ";\r\n filename*=utf-8''M%C3%A4rz.pdf"),
            ("a\"b.pdf", ";\r\n filename*=utf-8''a%22b.pdf"),
            ("a\\b", ";\r\n filename*=utf-8''a%5Cb"),
            ("100%.pdf", ";\r\n filename*=utf-8''100%25.pdf"),
            ("=?utf-8?q?x?=", ";\r\n filename*=utf-8''%3D%3Futf-8%3Fq%3Fx%3F%3D"),
        ];
        for (name, parameter) in table {
            assert_eq!(written(name), parameter, "{name}");
        }
        let long = written(&"\u{16a0}".repeat(20));
        assert!(long.starts_with(";\r\n filename*0*=utf-8''%E1%9A%A0"), "{long}");
        assert!(long.contains(";\r\n filename*1*="), "{long}");
    }

    #[test]
    fn nothing_is_left_that_leads_elsewhere() {
        let table = [
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("x.pdf\"\r\nContent-Type: text/html", "x.pdf\" Content-Type: text_html"),
            ("  a\tb \u{2028} ", "a b"),
            ("\r\n", ""),
        ];
        for (text, name) in table {
            assert_eq!(file_name(text), name, "{text:?}");
        }
        assert_eq!(file_name(&"\u{fc}".repeat(200)).len(), 254);
    }

    #[test]
    fn the_plain_name_keeps_its_ending() {
        let table = [("M\u{e4}rz.pdf", "M_rz.pdf"), ("a\"b.pdf", "a_b.pdf"), ("report.pdf", "report.pdf")];
        for (name, letters) in table {
            assert_eq!(plain(name), letters);
        }
        let long = plain(&format!("{}.pdf", "x".repeat(200)));
        assert_eq!(long, format!("{}.pdf", "x".repeat(56)));
    }

    #[test]
    fn no_piece_ends_within_a_character() {
        for start in 0..3 {
            let name = "x".repeat(start) + &"条款🎉ü".repeat(20);
            let written = written(&name);
            let pieces: Vec<&str> = written.split(";\r\n ").skip(1).collect();
            assert!(pieces.len() > 3, "{written}");
            for piece in pieces {
                let (_, encoded) = piece.split_once("*=").expect("a piece");
                let encoded = encoded.trim_start_matches("utf-8''");
                let single = read(&format!(";\r\n filename*=utf-8''{encoded}"));
                assert!(!single.is_empty() && name.contains(&single), "{single}");
            }
            assert_eq!(read(&written), name);
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(text in "(?s)([ -~]|[\"%';*=\r\n\0]|.){0,120}") {
            let name = file_name(&text);
            let parameter = written(&name);
            prop_assert!(parameter.split("\r\n").all(|line| line.len() <= 78 && line.is_ascii()));
            prop_assert!(!parameter.replace(";\r\n ", "").contains(['\r', '\n', '\0']));
            prop_assert_eq!(read(&parameter), name.clone());
            prop_assert!(is_short(&plain(&name)) || name.contains("=?"));
        }
    }
}
