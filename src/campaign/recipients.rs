//! The rows of a list, one after the other.
//!
//! A [`List`] reads a CSV file of any size in bounded memory. What is wrong with one row is an
//! [`Entry::Invalid`] with its number, and the next row follows; what is wrong with the file as such (a
//! NUL, an open quote, a header that names a column twice) ends the reading with a fault at its place. A
//! row never takes cells from its neighbour and never has more or fewer of them than the header.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::mail::{Address, Fault, Fields, Place, Recipient, nearest};

use super::encoding::{self, Beginning, Encoding};
use super::error::CampaignError;
use super::files::open_regular;
use super::filter::{Filter, Verdict};
use super::intake::{CHUNK, Intake, ROW_LIMIT};
use super::load::{Campaign, ListSettings};
use super::workspace::Workspace;

/// Octets of one cell; more is no cell of a mailing list.
const FIELD_LIMIT: usize = 64 << 10;
/// Characters of an address that are shown when it is none.
const SHOWN: usize = 100;

/// What one row of the list is.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Somebody to write to.
    Good(&'a Recipient),
    /// Nobody that could be written to.
    Invalid {
        /// Its number; the header is row 1.
        row: u32,
        /// What stands in the column of the address, shortened; may be empty.
        email: String,
        /// What sort of thing is wrong.
        misfit: Misfit,
        /// What is wrong: lower case, no full stop.
        what: String,
    },
    /// A row that the campaign's `where` leaves out.
    Filtered {
        /// Its number; the header is row 1.
        row: u32,
    },
    /// A row of which the campaign's `where` cannot tell; it is left out.
    Undecided {
        /// Its number; the header is row 1.
        row: u32,
        /// What stands in the column of the address, shortened; may be empty.
        email: String,
        /// Why: lower case, no full stop.
        what: String,
    },
}

/// What is wrong with a row before anything is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Misfit {
    /// The cell of the address holds none.
    Address,
    /// There are more or fewer cells than the header has.
    Cells,
    /// The row or a cell is longer than any of a mailing list.
    Length,
}

/// A list that is being read. Blank lines are no rows and have no number.
pub struct List {
    reader: Reader<Intake>,
    record: ByteRecord,
    recipient: Recipient,
    columns: Vec<String>,
    email: usize,
    filter: Option<Filter>,
    file: String,
    notes: Vec<String>,
}

impl List {
    /// Opens the campaign's list and reads its header.
    ///
    /// # Errors
    /// [`CampaignError::Faults`] if the file cannot be read, is empty, or if its header is not in order.
    pub fn open(workspace: &Workspace, campaign: &Campaign) -> Result<Self, CampaignError> {
        Self::from_settings(workspace, &campaign.list)
    }

    /// Opens the list of a campaign that is still being loaded.
    pub(super) fn from_settings(
        workspace: &Workspace,
        settings: &ListSettings,
    ) -> Result<Self, CampaignError> {
        let name = settings.path.display().to_string();
        let mut file = open(&workspace.root().join(&settings.path), &name)?;
        let unreadable = |source| CampaignError::Read { path: name.clone(), source };
        let beginning = encoding::look_through(&mut file, settings.encoding).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        Self::read(settings, &name, Box::new(file), &beginning)
    }

    fn read(
        settings: &ListSettings,
        name: &str,
        source: Box<dyn Read + Send>,
        beginning: &Beginning,
    ) -> Result<Self, CampaignError> {
        let delimiter = settings.delimiter.unwrap_or_else(|| encoding::delimiter(beginning));
        let intake = Intake::new(name, source, beginning, delimiter)
            .map_err(|source| CampaignError::Read { path: name.to_owned(), source })?;
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(CHUNK)
            .from_reader(intake);
        let mut list = Self {
            reader,
            record: ByteRecord::new(),
            recipient: Recipient {
                row: 0,
                address: Address::parse("nobody@example.com").expect("a plain address"),
                fields: Fields::default(),
                more: Vec::new(),
            },
            columns: Vec::new(),
            email: 0,
            filter: settings.filter.clone(),
            file: name.to_owned(),
            notes: Vec::new(),
        };
        list.read_header(settings, beginning, delimiter)?;
        list.notes.push(told(name, beginning.encoding, delimiter, list.columns.len()));
        Ok(list)
    }

    fn read_header(
        &mut self,
        settings: &ListSettings,
        beginning: &Beginning,
        delimiter: u8,
    ) -> Result<(), CampaignError> {
        if !self.read_record()? {
            return Err(
                Fault::error(format!("{} is empty: not even a header stands in it", self.file)).into()
            );
        }
        if self.reader.get_mut().take_cut() {
            return Err(Fault::error(format!(
                "the header of {} is longer than {} MiB",
                self.file,
                ROW_LIMIT >> 20
            ))
            .into());
        }
        let header = self.text()?;
        self.columns = (0..self.record.len())
            .filter_map(|index| Some(header.get(self.record.range(index)?)?.trim().to_owned()))
            .collect();
        let spans = encoding::header_cells(&beginning.sample, delimiter);
        let mut faults = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let wrong = if column.is_empty() {
                format!("column {} has no name", index + 1)
            } else if self.columns[..index].contains(column) {
                format!("column `{column}` stands here a second time")
            } else {
                continue;
            };
            let fault = Fault::error(wrong).hint("give each column in the header a name of its own");
            faults.push(fault.at(self.header_place(beginning, &spans, index)));
        }
        match self.columns.iter().position(|column| *column == settings.email) {
            Some(index) => self.email = index,
            None => faults.push(self.no_email_column(settings, beginning, &spans)),
        }
        if faults.is_empty() { Ok(()) } else { Err(CampaignError::Faults(faults)) }
    }

    fn header_place(&self, beginning: &Beginning, spans: &[Range<usize>], index: usize) -> Place {
        let end = spans.last().map_or(0, |span| span.end);
        let span = spans.get(index).cloned().unwrap_or(end..end);
        Place::new(self.file.clone(), &beginning.sample[..end], span)
    }

    fn no_email_column(
        &self,
        settings: &ListSettings,
        beginning: &Beginning,
        spans: &[Range<usize>],
    ) -> Fault {
        let near = nearest(&settings.email, self.columns.iter().map(String::as_str));
        let fault = Fault::error(format!("the list has no column `{}` for the address", settings.email));
        match (&settings.email_place, near) {
            (Some(place), Some(near)) => fault.at(place.clone()).hint(format!("did you mean `{near}`?")),
            (Some(place), None) => {
                fault.at(place.clone()).hint(format!("the columns are {}", self.columns.join(", ")))
            }
            (None, near) => {
                let near = near.unwrap_or("..");
                let fault = fault.hint(format!("name it in campaign.toml: [list] email = \"{near}\""));
                fault.at(self.header_place(beginning, spans, 0))
            }
        }
    }

    /// The columns in the order of the header; never empty, each name once.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Which column holds the address.
    pub fn email_column(&self) -> usize {
        self.email
    }

    /// How the list is read, in words: `recipients.csv: windows-1252, delimiter ;, 11 columns`.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The hash over the octets of the file; none before [`List::next`] has given `None`.
    pub fn hash(&self) -> Option<blake3::Hash> {
        self.reader.get_ref().hash()
    }

    /// The next row; `None` behind the last.
    ///
    /// # Errors
    /// [`CampaignError::Faults`] where the file is broken: nothing of it is to be used then.
    /// [`CampaignError::Read`] if it cannot be read on.
    #[expect(
        clippy::should_implement_trait,
        reason = "each row is lent from one buffer, which no iterator can do"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, CampaignError> {
        if !self.read_record()? {
            return Ok(None);
        }
        let row = self.recipient.row;
        if let Some((misfit, what)) = self.misfit() {
            return Ok(Some(self.invalid(row, misfit, what)));
        }
        let text = str_of(&self.record).map_err(|at| self.not_text(at))?;
        let ends = (0..self.record.len()).filter_map(|index| self.record.range(index)).map(|range| range.end);
        self.recipient.fields.fill(text, ends);
        match self.filter.as_ref().map(|filter| filter.judge(&self.recipient.fields)) {
            None | Some(Verdict::Taken) => {}
            Some(Verdict::LeftOut) => return Ok(Some(Entry::Filtered { row })),
            Some(Verdict::Undecided(what)) => {
                return Ok(Some(Entry::Undecided { row, email: self.shown_address(), what }));
            }
        }
        match Address::parse(self.recipient.fields.get(self.email).unwrap_or_default()) {
            Ok(address) => {
                self.recipient.address = address;
                Ok(Some(Entry::Good(&self.recipient)))
            }
            Err(error) => Ok(Some(self.invalid(row, Misfit::Address, error.to_string()))),
        }
    }

    /// Why the record cannot be a row of this list, if so.
    fn misfit(&mut self) -> Option<(Misfit, String)> {
        if self.reader.get_mut().take_cut() {
            return Some((Misfit::Length, format!("the row is longer than {} MiB", ROW_LIMIT >> 20)));
        }
        let (cells, columns) = (self.record.len(), self.columns.len());
        let octets = self.record.as_slice();
        if cells != columns {
            let cells = if cells == 1 { "1 cell".to_owned() } else { format!("{cells} cells") };
            return Some((Misfit::Cells, format!("the row has {cells}, and the header {columns}")));
        }
        if octets.is_empty() {
            return Some((Misfit::Cells, "the row is empty".to_owned()));
        }
        if octets.len() > FIELD_LIMIT {
            let index = self.record.iter().position(|cell| cell.len() > FIELD_LIMIT)?;
            let (column, limit) = (&self.columns[index], FIELD_LIMIT >> 10);
            return Some((Misfit::Length, format!("the cell of `{column}` is longer than {limit} KiB")));
        }
        None
    }

    fn invalid(&self, row: u32, misfit: Misfit, what: String) -> Entry<'_> {
        Entry::Invalid { row, email: self.shown_address(), misfit, what }
    }

    fn shown_address(&self) -> String {
        let cell = String::from_utf8_lossy(self.record.get(self.email).unwrap_or_default());
        cell.chars().take(SHOWN).collect()
    }

    fn read_record(&mut self) -> Result<bool, CampaignError> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {
                let Some(row) = self.recipient.row.checked_add(1) else {
                    return Err(Fault::error(format!("{} has more than {} rows", self.file, u32::MAX)).into());
                };
                self.recipient.row = row;
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(error) => Err(match self.reader.get_mut().take_fault() {
                Some(fault) => fault.into(),
                None => CampaignError::Read { path: self.file.clone(), source: io::Error::from(error) },
            }),
        }
    }

    fn text(&self) -> Result<&str, CampaignError> {
        str_of(&self.record).map_err(|at| self.not_text(at))
    }

    /// The fault of a row whose octets from `at` on are not UTF-8.
    fn not_text(&self, at: usize) -> CampaignError {
        let octets = self.record.as_slice();
        let before = String::from_utf8_lossy(&octets[at.saturating_sub(40)..at]).into_owned();
        let behind = String::from_utf8_lossy(&octets[at..octets.len().min(at + 40)]);
        let span = before.len()..before.len() + '\u{fffd}'.len_utf8();
        let document = format!("{before}{behind}").into();
        let line = self.record.position().map_or(1, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let place = Place { file: self.file.clone(), document, span, line, column: 1 };
        let what =
            format!("row {} is not UTF-8 (octet {:02X}), as the others are", self.recipient.row, octets[at]);
        Fault::error(what).at(place).hint("save the list as UTF-8, or set `encoding` under [list]").into()
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("List")
            .field("file", &self.file)
            .field("row", &self.recipient.row)
            .finish_non_exhaustive()
    }
}

/// The text of a record, or where it is not UTF-8.
fn str_of(record: &ByteRecord) -> Result<&str, usize> {
    std::str::from_utf8(record.as_slice()).map_err(|error| error.valid_up_to())
}

fn open(path: &Path, name: &str) -> Result<File, CampaignError> {
    open_regular(path).map_err(|error| {
        let fault = Fault::error(format!("the list {name} cannot be read: {}", error.told()));
        fault.hint("name it in campaign.toml: [list] file = \"..\", relative to that file").into()
    })
}

fn told(name: &str, encoding: Encoding, delimiter: u8, columns: usize) -> String {
    let delimiter =
        if delimiter == b'\t' { "tab".to_owned() } else { format!("`{}`", char::from(delimiter)) };
    let columns = if columns == 1 { "1 column".to_owned() } else { format!("{columns} columns") };
    format!("{name}: {}, delimiter {delimiter}, {columns}", encoding.name())
}

#[cfg(test)]
mod tests;
