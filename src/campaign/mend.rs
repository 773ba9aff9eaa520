//! A list without some of its rows, and otherwise as it was written.
//!
//! The rows that are kept are the very text that stands in the list, quotes and line ends included, so that a
//! comparison of the two shows nothing but what is gone. Only the encoding may differ: what is written is UTF-8,
//! with a byte order mark where the list has one.

use std::fs::File;
use std::io::{self, Read, Seek};

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::mail::Fault;

use super::encoding::{self, Beginning, Encoding};
use super::error::CampaignError;
use super::files::open_regular;
use super::intake::{CHUNK, Intake};
use super::load::Campaign;
use super::workspace::Workspace;

/// A byte order mark in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// A list that is being read for its text.
pub struct Mending {
    reader: Reader<Logged>,
    record: ByteRecord,
    row: u32,
    name: String,
    encoding: Encoding,
    has_mark: bool,
    /// The row that is lent.
    text: Vec<u8>,
    /// The row behind it, whose beginning may be the end of it: the reader takes the LF of a CRLF for that.
    ahead: Vec<u8>,
    stage: Stage,
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begins,
    GoesOn,
    Ends,
}

/// What is read, kept until it is known to which row it belongs.
struct Logged {
    intake: Intake,
    octets: Vec<u8>,
    /// Octets before those that are kept.
    before: u64,
}

impl Read for Logged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.intake.read(buffer)?;
        self.octets.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Logged {
    /// Moves everything up to an octet of the whole text into `text`.
    fn take(&mut self, end: u64, text: &mut Vec<u8>) {
        let count = usize::try_from(end - self.before).unwrap_or(usize::MAX).min(self.octets.len());
        text.extend(self.octets.drain(..count));
        self.before += count as u64;
    }
}

impl Mending {
    /// Opens the campaign's list.
    ///
    /// # Errors
    /// [`CampaignError::Faults`] or [`CampaignError::Read`] if it cannot be read.
    pub fn open(workspace: &Workspace, campaign: &Campaign) -> Result<Self, CampaignError> {
        let settings = &campaign.list;
        let name = settings.path.display().to_string();
        let opened = open_regular(&workspace.root().join(&settings.path));
        let mut file: File = opened
            .map_err(|error| Fault::error(format!("the list {name} cannot be read: {}", error.told())))?;
        let unreadable = |source| CampaignError::Read { path: name.clone(), source };
        let beginning = encoding::look_through(&mut file, settings.encoding).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let delimiter = settings.delimiter.unwrap_or_else(|| encoding::delimiter(&beginning));
        Self::read(name.clone(), Box::new(file), &beginning, delimiter).map_err(unreadable)
    }

    fn read(
        name: String,
        source: Box<dyn Read + Send>,
        beginning: &Beginning,
        delimiter: u8,
    ) -> io::Result<Self> {
        let intake = Intake::new(&name, source, beginning, delimiter)?;
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(CHUNK)
            .from_reader(Logged { intake, octets: Vec::new(), before: 0 });
        Ok(Self {
            reader,
            record: ByteRecord::new(),
            row: 0,
            name,
            encoding: beginning.encoding,
            has_mark: beginning.mark > 0,
            text: Vec::new(),
            ahead: Vec::new(),
            stage: Stage::Begins,
        })
    }

    /// What the list is written in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What stands before the first row: a mark, or nothing.
    pub fn mark(&self) -> &'static [u8] {
        if self.has_mark { MARK } else { &[] }
    }

    /// The next row with its number, the header being row 1, and its text; `None` behind the last. A row that is
    /// longer than any row may be is not all there.
    ///
    /// # Errors
    /// As [`List::next`](super::List::next).
    #[expect(
        clippy::should_implement_trait,
        reason = "each row is lent from one buffer, which no iterator can do"
    )]
    pub fn next(&mut self) -> Result<Option<(u32, &[u8])>, CampaignError> {
        if self.stage == Stage::Begins {
            self.stage = Stage::GoesOn;
            self.look_ahead()?;
        }
        if self.stage == Stage::Ends {
            return Ok(None);
        }
        std::mem::swap(&mut self.text, &mut self.ahead);
        self.row = self.row.saturating_add(1);
        self.look_ahead()?;
        if self.text.ends_with(b"\r") && self.ahead.starts_with(b"\n") {
            self.text.push(self.ahead.remove(0));
        }
        if self.stage == Stage::Ends {
            // Line ends and blank lines behind the last row.
            self.text.append(&mut self.ahead);
        }
        Ok(Some((self.row, &self.text)))
    }

    fn look_ahead(&mut self) -> Result<(), CampaignError> {
        self.ahead.clear();
        let end = match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => self.reader.position().byte(),
            Ok(false) => {
                self.stage = Stage::Ends;
                u64::MAX
            }
            Err(error) => {
                return Err(match self.reader.get_mut().intake.take_fault() {
                    Some(fault) => fault.into(),
                    None => CampaignError::Read { path: self.name.clone(), source: io::Error::from(error) },
                });
            }
        };
        self.reader.get_mut().take(end, &mut self.ahead);
        Ok(())
    }
}

impl std::fmt::Debug for Mending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Mending")
            .field("list", &self.name)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// The text of each row; none where the list is broken.
    fn rows(text: &str) -> Option<Vec<(u32, String)>> {
        let beginning = encoding::look_through(&mut Cursor::new(text), None).expect("memory");
        let source = Box::new(Cursor::new(text.to_owned()));
        let mut list = Mending::read("list.csv".into(), source, &beginning, b',').expect("memory");
        let mut rows = Vec::new();
        while let Some((row, text)) = list.next().ok()? {
            rows.push((row, String::from_utf8(text.to_vec()).expect("text")));
        }
        Some(rows)
    }

    #[test]
    fn a_row_ends_with_its_own_line_end() {
        let text = "email\r\n\"a\r\nb\",c\r\n\r\nd\ne\rf\n\n";
        let expected = ["email\r\n", "\"a\r\nb\",c\r\n", "\r\nd\n", "e\r", "f\n\n"];
        let found: Vec<String> = rows(text).expect("a list").into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn rows_are_the_whole_text(text in "[a,\"\r\n ]{0,40}") {
            if let Some(rows) = rows(&text) {
                let whole: String = rows.iter().map(|(_, text)| text.as_str()).collect();
                prop_assert!(rows.is_empty() || whole == text, "{:?}", rows);
                prop_assert!(rows.iter().map(|(row, _)| *row).eq(1..=u32::try_from(rows.len()).expect("few")));
            }
        }
    }
}
