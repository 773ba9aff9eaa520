//! Words of a header: atoms, quoted strings, encoded-words (RFC 5322, 3.2; RFC 2047).
//!
//! What comes here is cleaned. Everything is written for the line it stands on, of which `used` octets
//! are taken, and says how many are taken afterwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::headers::LINE;

/// RFC 2047, 2: octets of an encoded-word.
const ENCODED_WORD: usize = 75;
/// What an encoded-word in UTF-8 spends on `=?utf-8?q?` and `?=`.
const ENCODED_WORD_FRAME: usize = 12;
/// Octets of a word of a name that is not encoded.
const ATOM: usize = 60;

/// Whether a cleaned value can stand in a header as it is.
pub(super) fn is_plain(value: &str) -> bool {
    value.is_ascii() && !looks_encoded(value)
}

/// Whether a reader could take a part of it for an encoded-word.
fn looks_encoded(value: &str) -> bool {
    value.as_bytes().windows(2).any(|pair| pair == b"=?")
}

/// RFC 5322, 3.2.3.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Writes a display name as one quoted string where that is needed and fits, else word by word. Gives the
/// octets used on the line.
pub(super) fn phrase(out: &mut Vec<u8>, used: usize, display: &str) -> usize {
    let escapes = display.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let quoted = used + display.len() + escapes + 2;
    let atoms = display.split(' ').all(is_atom);
    if atoms || !is_plain(display) || quoted >= LINE {
        return words(out, used, display);
    }
    out.push(b'"');
    for byte in display.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    quoted
}

/// Whether a word can stand in a phrase as it is, and leaves room on a line.
fn is_atom(word: &str) -> bool {
    word.len() <= ATOM && word.bytes().all(is_atext) && !looks_encoded(word)
}

/// Writes the words of a phrase, atoms as they are and the others as encoded-words. Neighbours that need
/// encoding share a word, spaces and all: some programs put a space of their own between two
/// encoded-words of a name (Python's `email` is one), which only a long run of such words can meet.
fn words(out: &mut Vec<u8>, mut used: usize, display: &str) -> usize {
    let mut rest = display;
    while !rest.is_empty() {
        let start = display.len() - rest.len();
        let atom = is_atom(rest.split(' ').next().unwrap_or_default());
        let mut end = 0;
        for word in rest.split(' ').take_while(|word| is_atom(word) == atom) {
            end += word.len() + usize::from(end > 0);
            if atom {
                break;
            }
        }
        let (run, more) = rest.split_at(end);
        let width = if atom { run.len() } else { ENCODED_WORD_FRAME + payload(run) };
        if start > 0 {
            let folds = used + 1 + width.min(ENCODED_WORD) > LINE;
            out.extend_from_slice(if folds { b"\r\n " } else { b" " });
            used = if folds { 1 } else { used + 1 };
        }
        if atom {
            out.extend_from_slice(run.as_bytes());
            used += run.len();
        } else {
            used = encode(out, used, run);
        }
        rest = more.strip_prefix(' ').unwrap_or(more);
    }
    used
}

/// Octets that `text` takes in its encoding.
fn payload(text: &str) -> usize {
    if wants_base64(text) { text.len().div_ceil(3) * 4 } else { q_cost(text.as_bytes()) }
}

/// Whether the B encoding is the one for `text`: it is shorter, and there is something to encode. Spam filters
/// take ASCII in base64 for hiding (`SUBJ_EXCESS_BASE64` of rspamd).
fn wants_base64(text: &str) -> bool {
    !text.is_ascii() && text.len().div_ceil(3) * 4 < q_cost(text.as_bytes())
}

/// What RFC 2047, 5 (3) lets stand for itself in the Q encoding wherever an encoded-word may stand.
fn is_q_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

fn q_cost(octets: &[u8]) -> usize {
    octets.iter().map(|byte| if *byte == b' ' || is_q_safe(*byte) { 1 } else { 3 }).sum()
}

/// Writes `value` as encoded-words in UTF-8 (RFC 2047), none of which splits a character, one a line,
/// in one of the two encodings. Gives the octets used on the last line.
pub(super) fn encode(out: &mut Vec<u8>, mut used: usize, value: &str) -> usize {
    let base64 = wants_base64(value);
    let mut rest = value;
    loop {
        let room = ENCODED_WORD.min(LINE - used) - ENCODED_WORD_FRAME;
        let (word, more) = rest.split_at(fitting(rest, room, base64));
        let before = out.len();
        if base64 {
            out.extend_from_slice(b"=?utf-8?b?");
            out.extend_from_slice(STANDARD.encode(word).as_bytes());
        } else {
            out.extend_from_slice(b"=?utf-8?q?");
            word.bytes().for_each(|byte| q_encode(out, byte));
        }
        out.extend_from_slice(b"?=");
        used += out.len() - before;
        if more.is_empty() {
            return used;
        }
        out.extend_from_slice(b"\r\n ");
        used = 1;
        rest = more;
    }
}

/// How many octets of `text`, in whole characters and at least one of them, fill at most `room`.
fn fitting(text: &str, room: usize, base64: bool) -> usize {
    let mut filled = 0;
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        filled = if base64 { end.div_ceil(3) * 4 } else { filled + q_cost(&text.as_bytes()[start..end]) };
        if filled > room && start > 0 {
            return start;
        }
    }
    text.len()
}

fn q_encode(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte == b' ' {
        out.push(b'_');
    } else if is_q_safe(byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
