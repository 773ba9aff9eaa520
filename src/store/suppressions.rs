//! The suppression list: the operator's own, with addresses, in one file that is only appended to.
//!
//! A line is a sign, a time, whom it is about, and a reason, between tabs: `+` adds an address, `-` takes it
//! off, `#` suppresses by the hash of an address that is to be forgotten. Only forgetting rewrites the
//! file, as an address that is to be forgotten must not stand in it any more. Every change is synced before
//! it is taken in. A last line without its end was cut off by a crash and does not count.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use jiff::Timestamp;

use crate::mail::{Address, AddressKey, Suppression};

use super::error::StoreError;
use super::folder::{Folder, new_file, replace_file, sync_parent};

/// The first line of the file: what it is, and its version.
const TITLE: &str = "mailrun suppressions 1\n";

/// Those who must never be written to.
#[derive(Debug)]
pub struct Suppressions {
    path: PathBuf,
    /// None for readers.
    file: Option<File>,
    keys: HashSet<AddressKey>,
}

/// What stands in the file: (octets of whole lines, what each line says).
struct Text {
    octets: String,
    whole: usize,
}

/// What one line says.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Add(Timestamp, Address, &'a str),
    Remove(Address),
    Hashed(AddressKey),
}

impl Suppressions {
    /// Reads the list of the state folder without its lock. An absent file is an empty list.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is of a newer mailrun.
    pub fn read(state: &Path) -> Result<Self, StoreError> {
        let path = state.join("suppressions");
        let text = Text::read(&path)?;
        let mut keys = HashSet::new();
        text.each(&path, |line| match line {
            Line::Add(_, address, _) => {
                keys.insert(address.key());
            }
            Line::Remove(address) => {
                keys.remove(&address.key());
            }
            Line::Hashed(key) => {
                keys.insert(key);
            }
        })?;
        Ok(Self { path, file: None, keys })
    }

    /// Opens the list for changes; the caller holds the lock of the state folder.
    ///
    /// # Errors
    /// As [`Suppressions::read`], or the file cannot be written.
    pub(super) fn open(state: &Path) -> Result<Self, StoreError> {
        let mut list = Self::read(state)?;
        let path = &list.path;
        let failed = |error| StoreError::io("open", path, error);
        if !path.exists() {
            let mut file = new_file(path)?;
            file.write_all(TITLE.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
            sync_parent(path)?;
        }
        let whole = Text::read(path)?.whole;
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        if whole == 0 {
            file.set_len(0).and_then(|()| file.write_all(TITLE.as_bytes())).map_err(failed)?;
        } else {
            // A line that a crash has cut off would swallow the beginning of the next.
            file.set_len(whole as u64).map_err(failed)?;
        }
        file.sync_all().and_then(|()| file.seek(SeekFrom::End(0)).map(|_| ())).map_err(failed)?;
        list.file = Some(file);
        Ok(list)
    }

    /// Opens the list for changes without a store: takes the lock of the workspace for as long as the
    /// guard lives.
    ///
    /// # Errors
    /// Somebody holds the lock, the folder may not be used, or as [`Suppressions::read`].
    pub fn edit(state: &Path) -> Result<Editing, StoreError> {
        let (folder, _) = Folder::prepare(state)?;
        let lock = super::lock::Lock::take(folder.root())?;
        Ok(Editing { list: Self::open(folder.root())?, _lock: lock })
    }

    /// Whether nobody may write to this address.
    pub fn contains(&self, address: AddressKey) -> bool {
        self.keys.contains(&address)
    }

    /// How many are on the list.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody is on the list.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All of them, in no order.
    pub fn keys(&self) -> impl Iterator<Item = AddressKey> {
        self.keys.iter().copied()
    }

    /// Adds those who are not on the list yet, durably, and says how many that were.
    ///
    /// # Errors
    /// The file cannot be written; the list is as before.
    pub fn add(&mut self, entries: &[Suppression]) -> Result<usize, StoreError> {
        let (mut lines, mut added) = (String::new(), HashSet::new());
        for entry in entries {
            let key = entry.address.key();
            if !self.keys.contains(&key) && added.insert(key) {
                lines.push_str(&line('+', entry.added, entry.address.as_str(), &entry.reason));
            }
        }
        self.append(&lines)?;
        self.keys.extend(&added);
        Ok(added.len())
    }

    /// Takes an address off the list, durably, and says whether it was on it.
    ///
    /// # Errors
    /// The file cannot be written; the list is as before.
    pub fn remove(&mut self, address: &Address, at: Timestamp) -> Result<bool, StoreError> {
        if !self.keys.contains(&address.key()) {
            return Ok(false);
        }
        self.append(&line('-', at, address.as_str(), ""))?;
        self.keys.remove(&address.key());
        Ok(true)
    }

    /// Removes every trace of an address but a hash, under which it stays suppressed. Durable when it
    /// returns. Says whether it was on the list.
    ///
    /// # Errors
    /// The file cannot be written; it is as before.
    pub fn forget(&mut self, address: &Address, at: Timestamp) -> Result<bool, StoreError> {
        let forgotten = address.key();
        let known = self.keys.contains(&forgotten);
        let text = Text::read(&self.path)?;
        let mut kept = String::from(TITLE);
        for written in text.lines() {
            let about = written.split('\t').nth(2).and_then(|text| Address::parse(text).ok());
            if about.is_none_or(|address| address.key() != forgotten) {
                kept.push_str(written);
                kept.push('\n');
            }
        }
        if known {
            kept.push_str(&line('#', at, &format!("{:032x}", forgotten.0), ""));
        }
        replace_file(&self.path, kept.as_bytes())?;
        let reopened = OpenOptions::new().append(true).open(&self.path);
        self.file = Some(reopened.map_err(|error| StoreError::io("open", &self.path, error))?);
        Ok(known)
    }

    /// Everybody on the list whose address is known, by address.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<Suppression>, StoreError> {
        let mut entries = BTreeMap::new();
        Text::read(&self.path)?.each(&self.path, |line| match line {
            Line::Add(added, address, reason) => {
                let reason = reason.to_owned();
                entries.insert(address.key(), Suppression { address, reason, added });
            }
            Line::Remove(address) => {
                entries.remove(&address.key());
            }
            Line::Hashed(_) => {}
        })?;
        let mut entries: Vec<Suppression> = entries.into_values().collect();
        entries.sort_by(|one, other| one.address.cmp(&other.address));
        Ok(entries)
    }

    fn append(&mut self, lines: &str) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let failed = |error| StoreError::io("write", &self.path, error);
        let Some(file) = &mut self.file else {
            return Err(failed(io::ErrorKind::PermissionDenied.into()));
        };
        let before = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| {
            // Half of it must not be taken for the whole by the next reader.
            let _ = file.set_len(before);
            failed(error)
        })
    }
}

/// The list together with the lock of its workspace.
#[derive(Debug)]
pub struct Editing {
    list: Suppressions,
    _lock: super::lock::Lock,
}

impl std::ops::Deref for Editing {
    type Target = Suppressions;

    fn deref(&self) -> &Suppressions {
        &self.list
    }
}

impl std::ops::DerefMut for Editing {
    fn deref_mut(&mut self) -> &mut Suppressions {
        &mut self.list
    }
}

fn line(sign: char, at: Timestamp, about: &str, reason: &str) -> String {
    // A reason is one cell of one line, whatever was pasted.
    let reason = reason.replace(|character: char| character.is_control(), " ");
    format!("{sign}\t{at}\t{about}\t{reason}\n")
}

impl Text {
    fn read(path: &Path) -> Result<Self, StoreError> {
        let octets = match fs::read(path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("read", path, error)),
        };
        let damaged =
            |offset: usize, what| StoreError::Damaged { file: path.to_owned(), offset: offset as u64, what };
        let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        let octets = String::from_utf8(octets[..whole].to_vec())
            .map_err(|error| damaged(error.utf8_error().valid_up_to(), "not UTF-8"))?;
        if whole > 0 && !octets.starts_with(TITLE) {
            return Err(
                match octets.strip_prefix("mailrun suppressions ").and_then(|rest| rest.lines().next()) {
                    Some(version) => {
                        StoreError::Newer { file: path.to_owned(), version: version.parse().unwrap_or(0) }
                    }
                    None => damaged(0, "the first line is not that of a suppression list"),
                },
            );
        }
        Ok(Self { octets, whole })
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.octets.lines().skip(1)
    }

    fn each(&self, path: &Path, mut visit: impl FnMut(Line<'_>)) -> Result<(), StoreError> {
        for written in self.lines() {
            let offset = written.as_ptr().addr() - self.octets.as_ptr().addr();
            let what = "a line that cannot be read";
            let damaged = || StoreError::Damaged { file: path.to_owned(), offset: offset as u64, what };
            visit(parse(written).ok_or_else(damaged)?);
        }
        Ok(())
    }
}

fn parse(written: &str) -> Option<Line<'_>> {
    let mut cells = written.splitn(4, '\t');
    let (sign, at, about) = (cells.next()?, cells.next()?, cells.next()?);
    match sign {
        "+" => Some(Line::Add(at.parse().ok()?, Address::parse(about).ok()?, cells.next().unwrap_or(""))),
        "-" => Some(Line::Remove(Address::parse(about).ok()?)),
        "#" => Some(Line::Hashed(AddressKey(u128::from_str_radix(about, 16).ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(address: &str, reason: &str) -> Suppression {
        Suppression {
            address: Address::parse(address).unwrap(),
            reason: reason.to_owned(),
            added: Timestamp::from_second(1_700_000_000).unwrap(),
        }
    }

    #[test]
    fn what_was_added_is_there_for_the_next_reader() {
        let folder = tempfile::tempdir().unwrap();
        let (ada, eve) = (entry("ada@example.com", "asked\tto\nleave"), entry("eve@example.com", ""));
        {
            let mut list = Suppressions::open(folder.path()).unwrap();
            assert_eq!(list.add(&[ada.clone(), eve.clone(), ada.clone()]).unwrap(), 2);
            assert_eq!(list.add(&[entry("ADA@example.com", "again")]).unwrap(), 0);
            assert!(list.remove(&eve.address, eve.added).unwrap());
        }
        let list = Suppressions::read(folder.path()).unwrap();
        assert!(list.contains(entry("Ada@Example.com", "").address.key()));
        assert!(!list.contains(eve.address.key()));
        let listed = list.list().unwrap();
        assert_eq!((listed.len(), listed[0].reason.as_str()), (1, "asked to leave"));
    }

    #[test]
    fn the_forgotten_stay_suppressed_and_leave_no_address() {
        let folder = tempfile::tempdir().unwrap();
        let ada = entry("ada@example.com", "");
        let mut list = Suppressions::open(folder.path()).unwrap();
        list.add(&[ada.clone(), entry("eve@example.com", "")]).unwrap();
        assert!(list.forget(&entry("ADA@example.com", "").address, ada.added).unwrap());
        list.add(&[entry("bob@example.com", "")]).unwrap();
        let text = fs::read_to_string(folder.path().join("suppressions")).unwrap();
        assert!(!text.contains("ada@"), "{text}");
        let list = Suppressions::read(folder.path()).unwrap();
        assert!(list.contains(ada.address.key()));
        assert_eq!((list.len(), list.list().unwrap().len()), (3, 2));
    }

    #[test]
    fn a_line_cut_off_by_a_crash_does_not_count_and_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suppressions");
        Suppressions::open(folder.path()).unwrap().add(&[entry("ada@example.com", "")]).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut list = Suppressions::open(folder.path()).unwrap();
            assert!(list.is_empty(), "cut at {cut}");
            list.add(&[entry("eve@example.com", "")]).unwrap();
            assert_eq!(Suppressions::read(folder.path()).unwrap().list().unwrap().len(), 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_list_of_another_kind_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suppressions");
        fs::write(&path, "ada@example.com\n").unwrap();
        assert!(matches!(Suppressions::open(folder.path()), Err(StoreError::Damaged { .. })));
        fs::write(&path, "mailrun suppressions 2\n").unwrap();
        assert!(matches!(Suppressions::open(folder.path()), Err(StoreError::Newer { version: 2, .. })));
    }
}
