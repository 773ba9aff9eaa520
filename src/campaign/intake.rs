//! The octets of a list on their way to the CSV reader.
//!
//! The reader behind it takes anything: it ends an open quote at the end of the file, joins rows over a
//! stray one, and grows with a row as long as the row goes on. So the [`Intake`] hashes and decodes what it
//! reads, and its [`Guard`] follows the quotes (RFC 4180, 2): a NUL, a quote that is never closed or that
//! closes in the middle of a cell end the reading with a fault at their place, and of a row over 1 MiB only
//! the beginning is handed on, so that memory stays bounded whatever the file holds.

use std::io::{self, Read};
use std::ops::Range;

use encoding_rs::{Decoder, DecoderResult};
use memchr::{memchr, memchr_iter, memchr2, memrchr, memrchr2};

use crate::mail::{Fault, Place};

use super::encoding::{Beginning, Encoding};

/// Octets of a row, quotes and delimiters included, after which the rest of it is left out.
pub(super) const ROW_LIMIT: usize = 1 << 20;
/// Octets that the CSV reader asks for at once; below [`ROW_LIMIT`], so that one chunk ends no two rows
/// that are too long.
pub(super) const CHUNK: usize = 256 << 10;
/// Octets of raw text that are decoded at once.
const RAW_CHUNK: usize = 64 << 10;
/// Octets shown before and behind a fault.
const EXCERPT: usize = 120;

/// A list's octets as UTF-8 without a mark, hashed and guarded.
pub(super) struct Intake {
    source: Box<dyn Read + Send>,
    hasher: blake3::Hasher,
    decoding: Option<Decoding>,
    guard: Guard,
    fault: Option<Fault>,
    at_end: bool,
}

struct Decoding {
    decoder: Decoder,
    name: &'static str,
    raw: Vec<u8>,
    ready: Range<usize>,
    is_last: bool,
    is_done: bool,
}

impl Intake {
    /// Reads from the very beginning of `source`, which was looked through before.
    pub(super) fn new(
        file: &str,
        mut source: Box<dyn Read + Send>,
        beginning: &Beginning,
        delimiter: u8,
    ) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut mark = vec![0; beginning.mark];
        source.read_exact(&mut mark)?;
        hasher.update(&mark);
        let decoding = (beginning.encoding != Encoding::UTF_8).then(|| Decoding {
            decoder: beginning.encoding.decoder(),
            name: beginning.encoding.name(),
            raw: vec![0; RAW_CHUNK],
            ready: 0..0,
            is_last: false,
            is_done: false,
        });
        Ok(Self { source, hasher, decoding, guard: Guard::new(file, delimiter), fault: None, at_end: false })
    }

    /// The fault that ended the reading, if one did.
    pub(super) fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Whether the row that was just read was longer than [`ROW_LIMIT`] and is not all there.
    pub(super) fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.guard.has_cut)
    }

    /// The hash of all octets of the file, once all of them were read.
    pub(super) fn hash(&self) -> Option<blake3::Hash> {
        self.at_end.then(|| self.hasher.finalize())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoding) = &mut self.decoding else {
            let count = self.source.read(buffer)?;
            self.hasher.update(&buffer[..count]);
            return Ok(count);
        };
        loop {
            if decoding.is_done {
                return Ok(0);
            }
            if decoding.ready.is_empty() && !decoding.is_last {
                let count = self.source.read(&mut decoding.raw)?;
                self.hasher.update(&decoding.raw[..count]);
                (decoding.ready, decoding.is_last) = (0..count, count == 0);
            }
            let raw = &decoding.raw[decoding.ready.clone()];
            let (result, read, written) =
                decoding.decoder.decode_to_utf8_without_replacement(raw, buffer, decoding.is_last);
            decoding.ready.start += read;
            match result {
                DecoderResult::InputEmpty => decoding.is_done = decoding.is_last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(_, _) => {
                    let what = format!("some octets here are not {}", decoding.name);
                    let fault = Fault::error(what).at(self.guard.place(&buffer[..written], written));
                    self.fault = Some(fault.hint("set `encoding` under [list]"));
                    return Err(broken());
                }
            }
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

impl Read for Intake {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.fill(buffer)?;
            let guarded = if count == 0 {
                self.guard.finish().map(|()| 0..0)
            } else {
                self.guard.check(&mut buffer[..count])
            };
            match guarded {
                Ok(kept) if kept.is_empty() && count > 0 => {}
                Ok(kept) => {
                    self.at_end = count == 0;
                    if kept.start > 0 {
                        buffer.copy_within(kept.clone(), 0);
                    }
                    return Ok(kept.len());
                }
                Err(fault) => {
                    self.fault = Some(*fault);
                    return Err(broken());
                }
            }
        }
    }
}

/// Stands for the fault that was put aside.
fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the list is broken")
}

/// Where the last octet stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Outside quotes.
    Plain,
    /// Within quotes.
    Quotes,
    /// A quote within quotes: it closes them, or is the first of two that stand for one.
    Quote,
    /// Behind a closing quote, where only white space may stand before the next cell.
    Closed,
}

/// Follows quotes and rows from chunk to chunk.
struct Guard {
    file: String,
    delimiter: u8,
    within: Within,
    /// The last octet of the chunk before; a line break at the very beginning.
    before: u8,
    /// Octets of the row that is under way, up to the end of the chunk before.
    row_octets: usize,
    /// While the rest of a row that is too long is left out.
    is_cutting: bool,
    has_cut: bool,
    /// Line breaks, and characters since the last of them, up to the end of the chunk before.
    lines: usize,
    characters: usize,
    /// Where the quotes that are open since an earlier chunk were opened.
    opened: Option<Place>,
}

/// The row ends outside quotes in one chunk.
#[derive(Default)]
struct Ends {
    first: Option<usize>,
    last: Option<usize>,
}

impl Guard {
    fn new(file: &str, delimiter: u8) -> Self {
        Self {
            file: file.to_owned(),
            delimiter,
            within: Within::Plain,
            before: b'\n',
            row_octets: 0,
            is_cutting: false,
            has_cut: false,
            lines: 0,
            characters: 0,
            opened: None,
        }
    }

    /// Looks through the next chunk, never empty, and gives what of it is to be handed on.
    fn check(&mut self, chunk: &mut [u8]) -> Result<Range<usize>, Box<Fault>> {
        if let Some(nul) = memchr(0, chunk) {
            let fault = Fault::error("a NUL stands here, which no text holds").at(self.place(chunk, nul));
            return Err(Box::new(fault.hint("if the file is UTF-16, set `encoding` under [list]")));
        }
        let begun = self.within;
        let begins_cut = !self.is_cutting && self.row_octets > ROW_LIMIT;
        let ends = self.walk(chunk)?;
        let length = chunk.len();
        self.row_octets = match ends.last {
            Some(last) => length - last - 1,
            None => self.row_octets + length,
        };
        self.before = chunk[length - 1];
        self.lines += memchr_iter(b'\n', chunk).count();
        let line = memrchr(b'\n', chunk).map(|end| end + 1);
        let characters = characters(&chunk[line.unwrap_or(0)..]);
        self.characters = if line.is_some() { characters } else { self.characters + characters };
        self.has_cut |= begins_cut;
        self.is_cutting |= begins_cut;
        if !self.is_cutting {
            return Ok(0..length);
        }
        // The reader behind must see its open quotes closed before it sees the row's end.
        let must_close = begins_cut && begun == Within::Quotes;
        self.is_cutting = ends.first.is_none();
        Ok(match (ends.first, must_close) {
            (Some(end), true) => {
                chunk[end - 1] = b'"';
                end - 1..length
            }
            (Some(end), false) => end..length,
            (None, true) => {
                chunk[0] = b'"';
                0..1
            }
            (None, false) => 0..0,
        })
    }

    fn walk(&mut self, chunk: &[u8]) -> Result<Ends, Box<Fault>> {
        let mut ends = Ends::default();
        let mut opened_at = None;
        let mut at = 0;
        while at < chunk.len() {
            match self.within {
                Within::Plain => {
                    let quote = memchr(b'"', &chunk[at..]).map(|offset| at + offset);
                    ends.note(chunk, at..quote.unwrap_or(chunk.len()));
                    let Some(quote) = quote else { break };
                    let before = if quote == 0 { self.before } else { chunk[quote - 1] };
                    if self.ends_cell(before) {
                        self.within = Within::Quotes;
                        opened_at = Some(quote);
                    }
                    at = quote + 1;
                }
                Within::Quotes => match memchr(b'"', &chunk[at..]) {
                    Some(offset) => {
                        self.within = Within::Quote;
                        at += offset + 1;
                    }
                    None => break,
                },
                Within::Quote if chunk[at] == b'"' => {
                    self.within = Within::Quotes;
                    at += 1;
                }
                Within::Quote => self.within = Within::Closed,
                Within::Closed if self.ends_cell(chunk[at]) => self.within = Within::Plain,
                Within::Closed if matches!(chunk[at], b' ' | b'\t') => at += 1,
                Within::Closed => {
                    let fault = Fault::error("a closing quote stands in the middle of a cell");
                    let fault = fault.at(self.place(chunk, at));
                    return Err(Box::new(fault.hint(
                        "write a quote within quotes twice, and look for one that is not closed before",
                    )));
                }
            }
        }
        if let (Within::Quotes | Within::Quote, Some(at)) = (self.within, opened_at) {
            self.opened = Some(self.place(chunk, at));
        }
        Ok(ends)
    }

    fn ends_cell(&self, octet: u8) -> bool {
        octet == self.delimiter || octet == b'\n' || octet == b'\r'
    }

    fn finish(&mut self) -> Result<(), Box<Fault>> {
        match self.within {
            Within::Plain | Within::Quote | Within::Closed => Ok(()),
            Within::Quotes => {
                let fault = Fault::error("the quote that opens here is never closed");
                Err(Box::new(Fault { place: self.opened.take(), ..fault }))
            }
        }
    }

    /// The place of an octet of the chunk that is being looked through.
    fn place(&self, chunk: &[u8], at: usize) -> Place {
        let line_start = memrchr(b'\n', &chunk[..at]).map(|end| end + 1);
        let breaks = memchr_iter(b'\n', &chunk[..at]).count();
        let carried = if line_start.is_some() { 0 } else { self.characters };
        let line_start = line_start.unwrap_or(0);
        let shown = &chunk[line_start.max(at.saturating_sub(EXCERPT))..at];
        let line_end = memchr(b'\n', &chunk[at..]).map_or(chunk.len(), |end| at + end);
        let before = String::from_utf8_lossy(shown);
        let behind = String::from_utf8_lossy(&chunk[at..line_end.min(at + EXCERPT)]);
        let span = before.len()..before.len() + behind.chars().next().map_or(0, char::len_utf8);
        Place {
            file: self.file.clone(),
            document: format!("{before}{behind}").into(),
            span,
            line: self.lines + breaks + 1,
            column: carried + characters(&chunk[line_start..at]) + 1,
        }
    }
}

impl Ends {
    fn note(&mut self, chunk: &[u8], plain: Range<usize>) {
        let text = &chunk[plain.clone()];
        if self.first.is_none() {
            self.first = memchr2(b'\n', b'\r', text).map(|end| plain.start + end);
        }
        if let Some(end) = memrchr2(b'\n', b'\r', text) {
            self.last = Some(plain.start + end);
        }
    }
}

/// Characters of UTF-8: every octet but those that go on with one.
fn characters(text: &[u8]) -> usize {
    text.iter().filter(|octet| **octet & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests;
