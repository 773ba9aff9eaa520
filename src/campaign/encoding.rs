//! In which letters a list is written, and with which delimiter.
//!
//! A byte order mark decides; without one, what is UTF-8 from beginning to end is UTF-8, what alternates
//! with NULs is UTF-16, and for the rest the letters are guessed. The guess is always told, and the
//! campaign can name the encoding instead. Nothing is decoded here but a sample.

use std::io::{self, Read, Seek};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::sheet::Wrong;

/// Octets of a list that are looked at for UTF-16, for the header and for the delimiter.
const SAMPLE: usize = 64 << 10;
/// Octets that are read at once while the whole list is looked through.
const CHUNK: usize = 256 << 10;
/// Octets, from the first that is not UTF-8, after which a guess gets no better.
const GUESS_LIMIT: u64 = 16 << 20;
/// Records of the sample that a delimiter is tried on.
const RECORDS_TRIED: usize = 100;

/// What a list is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8, which needs no decoding.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);

    /// The name by which everybody knows it: `UTF-8`, `windows-1252`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The encoding of that name or of another name for it, such as `latin1`.
    pub(super) fn named(name: &str) -> Result<Self, Wrong> {
        match encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()) {
            Some(encoding) => Ok(Self(encoding)),
            None => Err(Wrong::new(format!("there is no encoding {name:?}"))
                .hint("write it like utf-8, windows-1252 or utf-16le; without it, it is detected")),
        }
    }

    pub(super) fn decoder(self) -> encoding_rs::Decoder {
        self.0.new_decoder_without_bom_handling()
    }
}

/// How a list begins.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) encoding: Encoding,
    /// Octets of the byte order mark.
    pub(super) mark: usize,
    /// The first 64 KiB without the mark, decoded.
    pub(super) sample: String,
    /// Whether the sample ends before the list does.
    pub(super) is_cut: bool,
}

/// Looks through the list from where it stands, to its end if need be.
pub(super) fn look_through(
    source: &mut (impl Read + Seek),
    named: Option<Encoding>,
) -> io::Result<Beginning> {
    let mut head = Vec::with_capacity(SAMPLE);
    source.by_ref().take(SAMPLE as u64).read_to_end(&mut head)?;
    let marked = encoding_rs::Encoding::for_bom(&head);
    let encoding = match (named, marked) {
        (Some(named), _) => named,
        (None, Some((marked, _))) => Encoding(marked),
        (None, None) => match utf16_without_mark(&head) {
            Some(utf16) => utf16,
            None => detect(&head, source)?,
        },
    };
    let mark = marked.filter(|(marked, _)| *marked == encoding.0).map_or(0, |(_, length)| length);
    let sample = encoding.0.decode_without_bom_handling(&head[mark..]).0.into_owned();
    Ok(Beginning { encoding, mark, sample, is_cut: head.len() == SAMPLE })
}

/// Text in Latin letters has a NUL in every other octet of UTF-16.
fn utf16_without_mark(head: &[u8]) -> Option<Encoding> {
    let pairs = head.len().min(4096) / 2;
    let nuls = |offset| head.iter().skip(offset).step_by(2).take(pairs).filter(|octet| **octet == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    if pairs >= 2 && odd > pairs / 2 && even <= pairs / 50 {
        Some(Encoding(encoding_rs::UTF_16LE))
    } else if pairs >= 2 && even > pairs / 2 && odd <= pairs / 50 {
        Some(Encoding(encoding_rs::UTF_16BE))
    } else {
        None
    }
}

/// UTF-8 where everything is, or where most of what is not ASCII is: then a broken row is told as such,
/// and not made nonsense of by reading all others in other letters.
fn detect(head: &[u8], source: &mut (impl Read + Seek)) -> io::Result<Encoding> {
    if is_utf8(head, source)? {
        return Ok(Encoding::UTF_8);
    }
    source.rewind()?;
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let (mut valid, mut broken) = (0_usize, 0_usize);
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut since_broken = 0;
    while since_broken < GUESS_LIMIT {
        chunk.clear();
        if source.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
            break;
        }
        for part in chunk.utf8_chunks() {
            valid += part.valid().chars().filter(|character| !character.is_ascii()).count();
            broken += usize::from(!part.invalid().is_empty());
        }
        if broken > 0 {
            since_broken += chunk.len() as u64;
        }
        detector.feed(&chunk, false);
    }
    if valid > broken {
        return Ok(Encoding::UTF_8);
    }
    detector.feed(&[], true);
    Ok(Encoding(detector.guess(None, Utf8Detection::Deny)))
}

/// Whether `head` and all that follows is UTF-8.
fn is_utf8(head: &[u8], source: &mut impl Read) -> io::Result<bool> {
    let mut chunk = head.to_vec();
    loop {
        let rest = match std::str::from_utf8(&chunk) {
            Ok(_) => 0,
            // A character that the chunk cuts through.
            Err(error) if error.error_len().is_none() => chunk.len() - error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        chunk.drain(..chunk.len() - rest);
        if source.take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
            return Ok(rest == 0);
        }
    }
}

/// The delimiter by which most records of the sample have as many cells as the header; of several, that
/// which gives most cells. The comma, where the header has only one.
pub(super) fn delimiter(beginning: &Beginning) -> u8 {
    let mut best = (0, 0, b',');
    for delimiter in [b'|', b'\t', b';', b','] {
        let mut lengths: Vec<usize> = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(beginning.sample.as_bytes())
            .byte_records()
            .filter_map(Result::ok)
            .map(|record| record.len())
            .take(RECORDS_TRIED + 1)
            .collect();
        if beginning.is_cut && lengths.len() > 1 {
            lengths.pop();
        }
        let header = lengths.first().copied().unwrap_or_default();
        let agreeing = lengths.iter().filter(|length| **length == header).count();
        let percent = agreeing * 100 / lengths.len().max(1);
        if header > 1 && (percent, header) >= (best.0, best.1) {
            best = (percent, header, delimiter);
        }
    }
    best.2
}

/// Where each cell of the header stands in the sample: octets, quotes included.
pub(super) fn header_cells(sample: &str, delimiter: u8) -> Vec<std::ops::Range<usize>> {
    let octets = sample.as_bytes();
    let mut start = octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    let mut cells = Vec::new();
    let mut quoted = false;
    for (at, octet) in octets.iter().enumerate().skip(start) {
        match octet {
            b'"' if quoted || at == start => quoted = !quoted,
            // A quote doubled within quotes closes and opens again.
            b'"' if octets[at - 1] == b'"' => quoted = true,
            _ if quoted => {}
            b'\r' | b'\n' => {
                cells.push(start..at);
                return cells;
            }
            octet if *octet == delimiter => {
                cells.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    cells.push(start..octets.len());
    cells
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn look(octets: &[u8]) -> Beginning {
        look_through(&mut Cursor::new(octets), None).expect("memory can be read")
    }

    #[test]
    fn the_encoding_is_found() {
        let text = "email;first_name\nada@example.com;Zoë\nbob@example.com;Łukasz\n";
        let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let marked = |mark: &[u8], octets: &[u8]| [mark, octets].concat();
        let german = encoding_rs::WINDOWS_1252.encode("name\nMüller\nGrößmann\nJäger\nÖzgür\n").0;
        let table = [
            (text.as_bytes().to_vec(), "UTF-8", 0),
            (b"email\nada@example.com\n".to_vec(), "UTF-8", 0),
            (Vec::new(), "UTF-8", 0),
            (marked(b"\xef\xbb\xbf", text.as_bytes()), "UTF-8", 3),
            (marked(b"\xff\xfe", &utf16(u16::to_le_bytes)), "UTF-16LE", 2),
            (marked(b"\xfe\xff", &utf16(u16::to_be_bytes)), "UTF-16BE", 2),
            (utf16(u16::to_le_bytes), "UTF-16LE", 0),
            (utf16(u16::to_be_bytes), "UTF-16BE", 0),
            (german.into_owned(), "windows-1252", 0),
        ];
        for (octets, name, mark) in table {
            let beginning = look(&octets);
            assert_eq!((beginning.encoding.name(), beginning.mark), (name, mark), "{octets:x?}");
            assert!(!beginning.sample.starts_with('\u{feff}'));
        }
    }

    #[test]
    fn letters_far_behind_the_sample_count() {
        let mut octets = b"email,name\n".to_vec();
        while octets.len() < 2 * SAMPLE {
            octets.extend_from_slice(b"ada@example.com,Ada\n");
        }
        assert_eq!(look(&octets).encoding, Encoding::UTF_8);
        octets.extend_from_slice(b"jo@example.com,J\xfcrgen M\xfcller\n");
        assert_eq!(look(&octets).encoding.name(), "windows-1252");
    }

    #[test]
    fn one_broken_row_does_not_turn_all_others_into_nonsense() {
        assert_eq!(look("name\nMüller\nJäger\nÖzgür\n".as_bytes()).encoding, Encoding::UTF_8);
        let mut octets = "name\nMüller\nJäger\nÖzgür\n".as_bytes().to_vec();
        octets.extend_from_slice(b"Gr\xfcn\n");
        assert_eq!(look(&octets).encoding, Encoding::UTF_8);
    }

    #[test]
    fn the_delimiter_is_the_one_on_which_rows_agree() {
        let table = [
            ("email,name\na@x.com,Ada\n", b','),
            ("email;name (last, first)\na@x.com;Lovelace, Ada\nb@x.com;Bob\n", b';'),
            ("email\tname\na@x.com\tAda; Lovelace\n", b'\t'),
            ("email|name\na@x.com|Ada\n", b'|'),
            ("\"a,b,c\";email\n1;a@x.com\n", b';'),
            ("email\na@x.com\n", b','),
            ("", b','),
        ];
        for (text, expected) in table {
            assert_eq!(delimiter(&look(text.as_bytes())), expected, "{text:?}");
        }
    }

    #[test]
    fn the_cells_of_a_header_are_found() {
        let cells = |text: &str| {
            header_cells(text, b',').into_iter().map(|span| text[span].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(cells("a,b\nc,d"), ["a", "b"]);
        assert_eq!(cells("\n\r\n\"a,\"\"x\",\"b\nc\",\r\nd"), ["\"a,\"\"x\"", "\"b\nc\"", ""]);
        assert_eq!(cells(""), [""]);
    }
}
