//! Quoted-printable (RFC 2045, 6.7), for lines that end with CRLF.
//!
//! A dot and an `F` that could begin `From ` are encoded at the beginning of a line, also of one that a soft
//! break begins. What needs no encoding is copied in pieces as long as a line can take: the marks of a body
//! say where they end.

use std::ops::Range;

use super::body::Body;
use super::mime::ENCODED_LINE;

/// `=XX`, and a soft line break with its CRLF: both have three octets.
const ESCAPE: usize = 3;
/// Octets that are copied at once, whatever of them is needed: a whole line, and a round number.
const PIECE: usize = 80;

/// Writes the lines of `body`.
pub(super) fn write(out: &mut Vec<u8>, body: &Body) {
    let (text, marks) = (body.text().as_bytes(), body.marks());
    let length = out.len();
    // Room for all of it at once, as long as few lines begin with a dot.
    out.resize(length + room_for(text.len() + 2 * marks.len()), 0);
    let mut sheet = Sheet { out, length, used: 0 };
    let (mut start, mut first) = (0, 0);
    for (number, mark) in marks.iter().enumerate() {
        let feed = *mark as usize;
        if text[feed] == b'\n' {
            sheet.line(text, start..feed.saturating_sub(1), &marks[first..number]);
            (start, first) = (feed + 1, number + 1);
        }
    }
    sheet.out.truncate(sheet.length);
}

/// Octets that `octets` encoded ones take with their soft breaks, and a piece more.
fn room_for(octets: usize) -> usize {
    octets + (octets / (ENCODED_LINE - ESCAPE) + 1) * ESCAPE + 2 * PIECE
}

/// What is written on.
struct Sheet<'o> {
    /// Octets, those behind `length` of no meaning.
    out: &'o mut Vec<u8>,
    length: usize,
    /// Octets on the present line.
    used: usize,
}

impl Sheet<'_> {
    /// Writes one line and its end; `specials` are the places in it that are always encoded.
    fn line(&mut self, text: &[u8], line: Range<usize>, specials: &[u32]) {
        let most = self.length + room_for(ESCAPE * line.len());
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        self.used = 0;
        let (mut place, mut end) = (line.start, line.end);
        let trailing = text[line].last().filter(|byte| matches!(byte, b' ' | b'\t'));
        end -= usize::from(trailing.is_some());
        // The last character of a line may take the octet that a soft break would need.
        let spare = usize::from(trailing.is_none());
        for special in specials.iter().map(|special| *special as usize) {
            if place < special {
                self.run(text, place..special, end, 0);
            }
            self.fit(ESCAPE, if special + 1 == end { spare } else { 0 });
            self.escape(text[special]);
            place = special + 1;
        }
        self.run(text, place..end, end, spare);
        if let Some(trailing) = trailing {
            self.fit(ESCAPE, 1);
            self.escape(*trailing);
        }
        self.put(b"\r\n");
    }

    /// Writes octets that need no encoding but at the beginning of a line, which goes on to `end`. The last
    /// of them may go `spare` octets further than others.
    fn run(&mut self, text: &[u8], octets: Range<usize>, end: usize, spare: usize) {
        let Range { start: mut place, end: stop } = octets;
        while place < stop {
            if self.used == 0 && matches!(text[place], b'.' | b'F') {
                let rest = &text[place..end];
                if rest[0] == b'.' || rest.starts_with(b"From ") {
                    self.escape(rest[0]);
                    place += 1;
                    continue;
                }
            }
            let (left, room) = (stop - place, ENCODED_LINE - self.used);
            if left <= room + spare {
                self.copy(text, place, left);
                return;
            }
            self.copy(text, place, room);
            place += room;
            self.fit(1, 0);
        }
    }

    /// Breaks the line softly if `octets` more do not fit on it.
    fn fit(&mut self, octets: usize, spare: usize) {
        if self.used + octets > ENCODED_LINE + spare {
            self.put(b"=\r\n");
            self.used = 0;
        }
    }

    fn escape(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.put(&[b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        self.used += ESCAPE;
    }

    fn put<const N: usize>(&mut self, octets: &[u8; N]) {
        self.out[self.length..self.length + N].copy_from_slice(octets);
        self.length += N;
    }

    /// Copies `octets` of a line from `place`.
    fn copy(&mut self, text: &[u8], place: usize, octets: usize) {
        match (self.out.get_mut(self.length..self.length + PIECE), text.get(place..place + PIECE)) {
            // A copy whose length is known beforehand costs a third of another.
            (Some(to), Some(from)) => to.copy_from_slice(from),
            _ => self.out[self.length..self.length + octets].copy_from_slice(&text[place..place + octets]),
        }
        self.length += octets;
        self.used += octets;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compose::mime::is_special;

    /// The same octet by octet, and so without marks.
    fn plainly(out: &mut Vec<u8>, line: &[u8]) {
        let (head, trailing) = match line {
            [head @ .., trailing @ (b' ' | b'\t')] => (head, Some(*trailing)),
            line => (line, None),
        };
        let mut used = 0;
        for (at, byte) in head.iter().enumerate() {
            let mut escaped = is_special(*byte);
            let last = at + 1 == head.len() && trailing.is_none();
            let fits = |used: usize, escaped| used + if escaped { 3 } else { 1 } <= 75 + usize::from(last);
            if used == 0 || !fits(used, escaped) {
                if used > 0 {
                    out.extend(b"=\r\n");
                }
                used = 0;
                escaped |= *byte == b'.' || head[at..].starts_with(b"From ");
            }
            if escaped {
                out.extend(format!("={byte:02X}").bytes());
                used += 3;
            } else {
                out.push(*byte);
                used += 1;
            }
        }
        if let Some(trailing) = trailing {
            if used > 73 {
                out.extend(b"=\r\n");
            }
            out.extend(format!("={trailing:02X}").bytes());
        }
        out.extend(b"\r\n");
    }

    proptest! {
        #[test]
        fn pieces_and_octets_give_the_same(
            text in "(([a-z]|[ -~]|[=.F\t \n]){1,40}|From |[.]{1,90}|[a-z]{60,90}|=|ü|\n|\n\n|\u{7f}){0,40}"
        ) {
            let mut body = Body::default();
            body.push_text(&text).expect("no NUL");
            body.end_line();
            let mut found = b"before".to_vec();
            write(&mut found, &body);
            let mut expected = b"before".to_vec();
            for line in body.text().strip_suffix("\r\n").expect("an end").split("\r\n") {
                plainly(&mut expected, line.as_bytes());
            }
            prop_assert_eq!(String::from_utf8(found), String::from_utf8(expected));
        }
    }
}
