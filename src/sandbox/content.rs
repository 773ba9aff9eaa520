//! Where content ends, and what it was before dot-stuffing (RFC 5321, 4.5.2).
//!
//! Only CRLF, dot, CRLF ends content. Whoever reads anything else as an end lets one message smuggle
//! another behind it. The octets come as the network cuts them; no line is put together or copied
//! unless it is kept.

use memchr::memmem::Finder;

/// Finds the end of one message's content. A new one begins after the CRLF of the DATA command.
#[derive(Debug)]
pub(super) struct Transparency {
    seen: Seen,
    /// Finds a line that begins with a dot.
    dotted_line: Finder<'static>,
}

/// What the octets so far end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing of interest.
    Text,
    /// CR.
    Cr,
    /// CRLF, or nothing at all: a line begins.
    LineStart,
    /// A dot at the beginning of a line, held back.
    Dot,
    /// That dot and a CR, both held back.
    DotCr,
}

impl Transparency {
    pub(super) fn new() -> Self {
        Self { seen: Seen::LineStart, dotted_line: Finder::new(b"\r\n.") }
    }

    /// Makes it ready for the next message.
    pub(super) fn reset(&mut self) {
        self.seen = Seen::LineStart;
    }

    /// Takes content up to its end and hands it on, un-stuffed, in pieces. Tells how many octets it
    /// took, and whether the end was among them; if not, it took all.
    pub(super) fn take(&mut self, octets: &[u8], mut part: impl FnMut(&[u8])) -> (usize, bool) {
        let mut at = 0;
        while let Some(octet) = octets.get(at) {
            self.seen = match (self.seen, octet) {
                (Seen::Text, _) => {
                    at += self.text(&octets[at..], &mut part);
                    continue;
                }
                (Seen::Cr, b'\n') => {
                    part(b"\n");
                    Seen::LineStart
                }
                (Seen::LineStart, b'.') => Seen::Dot,
                (Seen::Dot, b'\r') => Seen::DotCr,
                (Seen::DotCr, b'\n') => {
                    self.seen = Seen::LineStart;
                    return (at + 1, true);
                }
                (Seen::DotCr, _) => {
                    // The dot was stuffing after all; the CR behind it was text.
                    part(b"\r");
                    self.seen = Seen::Cr;
                    continue;
                }
                (Seen::Cr | Seen::LineStart | Seen::Dot, _) => {
                    self.seen = Seen::Text;
                    continue;
                }
            };
            at += 1;
        }
        (at, false)
    }

    /// Takes text up to the next line that begins with a dot.
    fn text(&mut self, octets: &[u8], part: &mut impl FnMut(&[u8])) -> usize {
        let taken = if let Some(found) = self.dotted_line.find(octets) {
            self.seen = Seen::LineStart;
            found + 2
        } else {
            self.seen = match octets {
                [.., b'\r', b'\n'] => Seen::LineStart,
                [.., b'\r'] => Seen::Cr,
                _ => Seen::Text,
            };
            octets.len()
        };
        part(&octets[..taken]);
        taken
    }
}

/// The value of the first field of this name in the header of a message, without white space around it.
pub(super) fn field<'a>(octets: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = octets;
    loop {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        if line.is_empty() || line == b"\r" {
            return None;
        }
        if let Some((found, value)) = line.split_at_checked(name.len())
            && found.eq_ignore_ascii_case(name.as_bytes())
            && let Some(value) = value.strip_prefix(b":")
        {
            let value = value.trim_ascii();
            // RFC 5322, 2.2.3: the value may stand alone on the next line.
            let folded = rest.get(end + 1..).unwrap_or_default().split(|octet| *octet == b'\n').next();
            return Some(if value.is_empty() { folded.unwrap_or_default().trim_ascii() } else { value });
        }
        rest = rest.get(end + 1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds pieces; gives back the content, whether it ended, and what was not taken.
    fn feed(pieces: &[&[u8]]) -> (Vec<u8>, bool, Vec<u8>) {
        let mut transparency = Transparency::new();
        let (mut content, mut ended, mut rest) = (Vec::new(), false, Vec::new());
        for piece in pieces {
            if ended {
                rest.extend_from_slice(piece);
                continue;
            }
            let (taken, end) = transparency.take(piece, |part| content.extend_from_slice(part));
            ended = end;
            rest.extend_from_slice(&piece[taken..]);
        }
        (content, ended, rest)
    }

    /// RFC 5321, 4.5.2, as plainly as it can be said, over whole lines.
    fn stuff(content: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut line_start = true;
        for (at, octet) in content.iter().enumerate() {
            if line_start && *octet == b'.' {
                wire.push(b'.');
            }
            wire.push(*octet);
            line_start = at > 0 && content[at - 1] == b'\r' && *octet == b'\n';
        }
        wire
    }

    #[test]
    fn only_a_lone_dot_between_two_line_ends_ends_content() {
        /// On the wire; its content; whether it ended; what stood behind the end.
        type Row = (&'static [u8], &'static [u8], bool, &'static [u8]);
        let table: [Row; 14] = [
            (b".\r\n", b"", true, b""),
            (b"a\r\n.\r\n", b"a\r\n", true, b""),
            (b"a\r\n.\r\nMAIL", b"a\r\n", true, b"MAIL"),
            (b"..\r\n.\r\n", b".\r\n", true, b""),
            (b"a\r\n..b\r\n.\r\n", b"a\r\n.b\r\n", true, b""),
            (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", true, b""),
            (b"a\n.\n", b"a\n.\n", false, b""),
            (b"a\n.\r\n", b"a\n.\r\n", false, b""),
            (b"a\r\n.\n", b"a\r\n\n", false, b""),
            (b"a\r.\r\n", b"a\r.\r\n", false, b""),
            (b"a\r\n.\rMAIL", b"a\r\n\rMAIL", false, b""),
            (b"a\r\n.\r\r\n.\r\nx", b"a\r\n\r\r\n", true, b"x"),
            (b"a\r\n\x00.\r\n", b"a\r\n\x00.\r\n", false, b""),
            (b"\r\n.\r\n.\r\n", b"\r\n", true, b".\r\n"),
        ];
        for (wire, content, ended, rest) in table {
            let expected = (content.to_vec(), ended, rest.to_vec());
            assert_eq!(feed(&[wire]), expected, "whole: {:?}", String::from_utf8_lossy(wire));
            let octets: Vec<&[u8]> = wire.chunks(1).collect();
            assert_eq!(feed(&octets), expected, "octet by octet: {:?}", String::from_utf8_lossy(wire));
        }
    }

    proptest! {
        #[test]
        fn stuffed_content_comes_back_however_it_is_cut(
            content in prop::collection::vec(prop::sample::select(b"\r\n.ab".to_vec()), 0..80),
            cuts in prop::collection::vec(0_usize..100, 0..12),
        ) {
            let mut whole = content.clone();
            whole.extend_from_slice(b"\r\n");
            let mut wire = stuff(&whole);
            wire.extend_from_slice(b".\r\nQUIT\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).collect();
            cuts.extend([0, wire.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
            prop_assert_eq!(feed(&pieces), (whole, true, b"QUIT\r\n".to_vec()));
        }
    }

    #[test]
    fn a_field_is_found_in_the_header_only() {
        let table: [(&[u8], Option<&[u8]>); 7] = [
            (b"From: a\r\nMessage-ID: <1@x>\r\n\r\nbody", Some(b"<1@x>")),
            (b"message-id:<1@x>\r\n\r\n", Some(b"<1@x>")),
            (b"Message-IDs: <2@x>\r\nMessage-ID: <1@x>\r\n\r\n", Some(b"<1@x>")),
            (b"Message-ID:\r\n <1@x>\r\n\r\n", Some(b"<1@x>")),
            (b"From: a\r\n\r\nMessage-ID: <1@x>\r\n", None),
            (b"", None),
            (b"From: a", None),
        ];
        for (octets, id) in table {
            assert_eq!(field(octets, "Message-ID"), id, "{:?}", String::from_utf8_lossy(octets));
        }
    }
}
