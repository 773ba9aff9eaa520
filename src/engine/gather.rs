//! Brings the rows of one person together (`group_by`), wherever in the list they stand.
//!
//! The rows are put aside on disk as they are read, and taken up person by person, in the order of each person's
//! first row. In memory are twelve octets a row and some forty a person, never a cell.

use std::collections::HashMap;
use std::path::Path;

use crate::mail::{AddressKey, Content, Recipient};
use crate::store::{Scratch, StoreError};

/// Octets of one person's rows, beyond which no message could hold them.
const OCTETS: u64 = 16 << 20;
/// Row numbers that are named where the rows of a person do not fit together.
const SHOWN: usize = 5;

/// Rows that are being gathered.
#[derive(Debug)]
pub(super) struct Gather {
    scratch: Scratch,
    by: By,
    people: HashMap<u64, u32>,
    persons: Vec<Person>,
    /// The person of each row.
    of: Vec<u32>,
    /// Where each row begins in the scratch, and where the last ends.
    bounds: Vec<u64>,
}

/// What tells people apart.
#[derive(Debug)]
enum By {
    Address,
    Column { index: usize, name: String },
}

/// What is remembered of one person.
#[derive(Debug)]
struct Person {
    /// The part of their address's hash that does not tell people apart.
    address: u64,
    rows: u32,
    has_another_address: bool,
}

/// A row belongs to nobody: the cell that says to whom is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ownerless {
    /// In words: lower case, no full stop.
    pub(super) what: String,
}

/// All rows of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gathered {
    /// They make one recipient.
    Whole(Recipient),
    /// They do not fit together.
    Torn {
        /// Their numbers in the list's file.
        rows: Vec<u32>,
        /// The address of the first.
        email: String,
        /// Why: lower case, no full stop.
        what: String,
    },
}

impl Gather {
    /// Begins to gather as the campaign asks for it; none if it does not.
    ///
    /// # Errors
    /// Nothing can be put aside.
    pub(super) fn new(content: &Content, state: &Path) -> Result<Option<Self>, StoreError> {
        let Some(name) = &content.group_by else { return Ok(None) };
        let index = content.columns.iter().position(|column| column == name);
        let index = index.expect("a campaign names a column that is there");
        let by = if index == content.email_column {
            By::Address
        } else {
            By::Column { index, name: name.clone() }
        };
        Ok(Some(Self {
            scratch: Scratch::create(state)?,
            by,
            people: HashMap::new(),
            persons: Vec::new(),
            of: Vec::new(),
            bounds: vec![0],
        }))
    }

    /// Whether a row that cannot be written to may be part of somebody's message all the same.
    pub(super) fn by_address(&self) -> bool {
        matches!(self.by, By::Address)
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// Nothing can be put aside.
    pub(super) fn add(&mut self, recipient: &Recipient) -> Result<Result<(), Ownerless>, StoreError> {
        let (low, high) = halves(recipient.address.key());
        let owner = match &self.by {
            By::Address => low,
            By::Column { index, name } => match recipient.fields.get(*index).unwrap_or_default().trim() {
                "" => {
                    let what = format!("`{name}` is empty, and rows are gathered by it");
                    return Ok(Err(Ownerless { what }));
                }
                cell => {
                    let hash = blake3::hash(cell.as_bytes());
                    u64::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 octets"))
                }
            },
        };
        let next = u32::try_from(self.persons.len()).expect("there are fewer people than rows");
        let number = *self.people.entry(owner).or_insert(next);
        if number == next {
            self.persons.push(Person { address: high, rows: 0, has_another_address: false });
        }
        let person = &mut self.persons[number as usize];
        person.rows += 1;
        person.has_another_address |= person.address != high;
        self.of.push(number);
        self.bounds.push(self.scratch.push(recipient)?);
        Ok(Ok(()))
    }

    /// The people, in the order of their first rows.
    ///
    /// # Errors
    /// Nothing can be put aside.
    pub(super) fn finish(mut self) -> Result<People, StoreError> {
        self.scratch.flush()?;
        self.people = HashMap::new();
        let mut next = Vec::with_capacity(self.persons.len());
        let mut end = 0_usize;
        for person in &self.persons {
            next.push(end);
            end += person.rows as usize;
        }
        let mut order = vec![0_u32; self.of.len()];
        for (row, person) in (0_u32..).zip(&self.of) {
            let place = &mut next[*person as usize];
            order[*place] = row;
            *place += 1;
        }
        self.of = Vec::new();
        Ok(People { gather: self, order, person: 0, at: 0 })
    }
}

/// People with their rows, one after the other.
#[derive(Debug)]
pub(super) struct People {
    gather: Gather,
    /// The rows, those of one person together.
    order: Vec<u32>,
    person: usize,
    /// Rows that were taken.
    at: usize,
}

impl People {
    /// The next person.
    ///
    /// # Errors
    /// What was put aside cannot be taken up.
    pub(super) fn next(&mut self) -> Result<Option<Gathered>, StoreError> {
        let Some(person) = self.gather.persons.get(self.person) else { return Ok(None) };
        let places = &self.order[self.at..self.at + person.rows as usize];
        self.person += 1;
        self.at += places.len();
        let bounds =
            |place: u32| (self.gather.bounds[place as usize], self.gather.bounds[place as usize + 1]);
        let octets: u64 = places.iter().map(|place| bounds(*place)).map(|(start, end)| end - start).sum();
        if person.has_another_address || octets > OCTETS {
            return self.torn(person, places).map(Some);
        }
        let [first, rest @ ..] = places else { return Ok(None) };
        let (start, end) = bounds(*first);
        let mut recipient = self.gather.scratch.take(start, end)?;
        recipient.more.reserve_exact(rest.len());
        for place in rest {
            let (start, end) = bounds(*place);
            recipient.more.push(self.gather.scratch.take_line(start, end)?);
        }
        Ok(Some(Gathered::Whole(recipient)))
    }

    fn torn(&self, person: &Person, places: &[u32]) -> Result<Gathered, StoreError> {
        let mut rows = Vec::with_capacity(places.len());
        let mut first = None;
        for place in places {
            let (start, end) = (self.gather.bounds[*place as usize], self.gather.bounds[*place as usize + 1]);
            let recipient = self.gather.scratch.take(start, end)?;
            rows.push(recipient.row);
            first.get_or_insert(recipient);
        }
        let shown: Vec<String> = rows.iter().take(SHOWN).map(u32::to_string).collect();
        let dots = if rows.len() > SHOWN { ", .." } else { "" };
        let shown = format!("rows {}{dots}", shown.join(", "));
        let what = match (&self.gather.by, &first) {
            (By::Column { index, name }, Some(first)) if person.has_another_address => {
                let cell = first.fields.get(*index).unwrap_or_default().trim();
                format!("{shown} have the same `{name}` ({cell:?}) and more than one address")
            }
            (By::Column { .. } | By::Address, _) => {
                format!("{shown} belong together and are more than {} MiB", OCTETS >> 20)
            }
        };
        let email = first.map(|first| first.address.as_str().to_owned()).unwrap_or_default();
        Ok(Gathered::Torn { rows, email, what })
    }
}

/// The two halves of an address's hash.
fn halves(key: AddressKey) -> (u64, u64) {
    let octets = key.0.to_be_bytes();
    let ([high, low], []) = octets.as_chunks::<8>() else { unreachable!("sixteen octets are twice eight") };
    (u64::from_be_bytes(*low), u64::from_be_bytes(*high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::{Address, Line};

    /// A gathering by the first column, the address, or by the second.
    fn gather(by: usize, folder: &Path) -> Gather {
        let by = match by {
            0 => By::Address,
            index => By::Column { index, name: "order".into() },
        };
        Gather {
            scratch: Scratch::create(folder).unwrap(),
            by,
            people: HashMap::new(),
            persons: Vec::new(),
            of: Vec::new(),
            bounds: vec![0],
        }
    }

    fn row(row: u32, address: &str, order: &str) -> Recipient {
        let fields = [address, order].into_iter().collect();
        Recipient { row, fields, address: Address::parse(address).unwrap(), more: Vec::new() }
    }

    fn all(gather: Gather) -> Vec<Gathered> {
        let mut people = gather.finish().unwrap();
        let mut found = Vec::new();
        while let Some(person) = people.next().unwrap() {
            found.push(person);
        }
        found
    }

    #[test]
    fn rows_of_one_address_come_together_in_whatever_case_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut gather = gather(0, folder.path());
        let rows = [(2, "a@example.com"), (3, "b@example.com"), (4, "A@Example.com"), (5, "c@example.com")];
        for (number, address) in rows {
            gather.add(&row(number, address, "x")).unwrap().unwrap();
        }
        let mut first = row(2, "a@example.com", "x");
        first.more = vec![Line { row: 4, fields: row(4, "A@Example.com", "x").fields }];
        let rest = [row(3, "b@example.com", "x"), row(5, "c@example.com", "x")].map(Gathered::Whole);
        assert_eq!(all(gather), [vec![Gathered::Whole(first)], rest.into()].concat());
    }

    #[test]
    fn rows_of_one_order_to_two_addresses_are_told_with_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut gather = gather(1, folder.path());
        for (number, address, order) in
            [(2, "a@example.com", "7"), (3, "b@example.com", " 8"), (4, "b@example.com", "7 ")]
        {
            gather.add(&row(number, address, order)).unwrap().unwrap();
        }
        let ownerless = gather.add(&row(5, "c@example.com", " ")).unwrap().expect_err("no order");
        assert_eq!(ownerless.what, "`order` is empty, and rows are gathered by it");
        let torn = Gathered::Torn {
            rows: vec![2, 4],
            email: "a@example.com".into(),
            what: "rows 2, 4 have the same `order` (\"7\") and more than one address".into(),
        };
        assert_eq!(all(gather), [torn, Gathered::Whole(row(3, "b@example.com", " 8"))]);
    }

    proptest! {
        #[test]
        fn every_row_is_with_its_person_once_and_in_order(owners in prop::collection::vec(0_u8..12, 0..60)) {
            let folder = tempfile::tempdir().unwrap();
            let mut gather = gather(0, folder.path());
            for (number, owner) in (2..).zip(&owners) {
                gather.add(&row(number, &format!("p{owner}@example.com"), "x")).unwrap().unwrap();
            }
            let mut seen = Vec::new();
            let mut firsts = Vec::new();
            for person in all(gather) {
                let Gathered::Whole(person) = person else { panic!("nobody is torn") };
                let rows: Vec<u32> =
                    std::iter::once(person.row).chain(person.more.iter().map(|line| line.row)).collect();
                prop_assert!(rows.is_sorted());
                let owner = |row: &u32| owners[*row as usize - 2];
                prop_assert!(rows.iter().all(|row| owner(row) == owner(&rows[0])));
                firsts.push(rows[0]);
                seen.extend(rows);
            }
            prop_assert!(firsts.is_sorted());
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq((2..).take(owners.len())));
        }
    }
}
