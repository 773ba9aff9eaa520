//! One row of the list, as a plan froze it.
//!
//! A recipient is named by its place in the plan ([`RecipientNo`]), shown by its row in the file, and
//! carries its cells in the order of the list's columns. Cells are text as the file had it, decoded;
//! nothing is trimmed, escaped or defaulted here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::address::Address;

/// The place of a recipient in its plan, from 0. Means nothing outside that plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecipientNo(pub u32);

impl RecipientNo {
    /// The place as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One person of a plan, with the cells of their row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The row in the list's file: the header is row 1, so people begin at 2. A row that spans several
    /// lines counts once.
    pub row: u32,
    /// Where to write to.
    pub address: Address,
    /// The cells, one for each column of the list, the address's own among them.
    pub fields: Fields,
    /// Where the campaign gathers rows (`group_by`): the other rows of the same person, in the order of the
    /// list. Plans keep them apart from the rest.
    #[serde(skip)]
    pub more: Vec<Line>,
}

/// One more row of the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The row in the list's file.
    pub row: u32,
    /// The cells, one for each column of the list.
    pub fields: Fields,
}

impl Recipient {
    /// The cells of all rows of the person, the first row first.
    pub fn lines(&self) -> impl Iterator<Item = &Fields> {
        std::iter::once(&self.fields).chain(self.more.iter().map(|line| &line.fields))
    }
}

/// The cells of one row in one allocation.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<u32>,
}

impl Fields {
    /// The number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no cell at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cell of the column at `index`, counted from 0; none beyond the last.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        Some(&self.text[start..end])
    }

    /// The cells in the order of the columns.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Adds a cell behind the last.
    ///
    /// # Panics
    /// If the row grows past 4 GiB; a list refuses rows over 1 MiB long before.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(u32::try_from(self.text.len()).expect("a row is at most 1 MiB"));
    }

    /// Puts other cells in the place of all: `text` holds them one behind the other, and cell `n` ends
    /// at octet `ends[n]`, the last at the end of the text.
    ///
    /// # Panics
    /// If the row is 4 GiB or more; a list refuses rows over 1 MiB long before.
    pub fn fill(&mut self, text: &str, ends: impl IntoIterator<Item = usize>) {
        self.clear();
        self.text.push_str(text);
        self.ends.extend(ends.into_iter().map(|end| u32::try_from(end).expect("a row is at most 1 MiB")));
    }

    /// Forgets all cells and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

impl<'a> FromIterator<&'a str> for Fields {
    fn from_iter<I: IntoIterator<Item = &'a str>>(cells: I) -> Self {
        let mut fields = Self::default();
        for cell in cells {
            fields.push(cell);
        }
        fields
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_went_in() {
        let fields: Fields = ["ada@example.com", "", "Ada", "Łódź"].into_iter().collect();
        assert_eq!(fields.len(), 4);
        assert_eq!(fields.iter().collect::<Vec<_>>(), ["ada@example.com", "", "Ada", "Łódź"]);
        assert_eq!(fields.get(4), None);
    }

    #[test]
    fn other_cells_take_the_place_of_all() {
        let mut fields: Fields = ["one", "two", "three"].into_iter().collect();
        fields.fill("adaLovelace", [3, 3, 11]);
        assert_eq!(fields.iter().collect::<Vec<_>>(), ["ada", "", "Lovelace"]);
    }
}
