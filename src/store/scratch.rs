//! Rows that are put aside while a list is gone through, and taken up again in another order.
//!
//! A list does not fit into memory, and its rows belong together in another order than it has them. The file has
//! no name while it is used, so nothing is left of it whatever becomes of the process; it is no part of the
//! state and is not synced.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::mail::{Line, Recipient};

use super::error::StoreError;
use super::folder::new_file;
use super::postcard_tail::write_postcard;

/// How much is gathered before it is written.
const BUFFER: usize = 1 << 20;

/// Rows put aside.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    path: PathBuf,
    /// Rows that are not written yet.
    pending: Vec<u8>,
    written: u64,
}

impl Scratch {
    /// Begins in the state folder, or where temporary files go if there is none yet.
    ///
    /// # Errors
    /// The folder may not be used, or is full or read-only.
    pub fn create(state: &Path) -> Result<Self, StoreError> {
        /// Tells the files apart that one process uses at once.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = if state.is_dir() { state.to_owned() } else { env::temp_dir() };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".mailrun-rows-{}-{number}", std::process::id()));
        let file = new_file(&path)?;
        fs::remove_file(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        Ok(Self { file, path: folder, pending: Vec::with_capacity(BUFFER), written: 0 })
    }

    /// Puts a row aside, and says where the next begins.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn push(&mut self, recipient: &Recipient) -> Result<u64, StoreError> {
        write_postcard(recipient, &mut self.pending);
        if self.pending.len() >= BUFFER {
            self.flush()?;
        }
        Ok(self.written + self.pending.len() as u64)
    }

    /// Writes what is still pending; nothing can be taken before.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        let written = self.file.write_all(&self.pending);
        written.map_err(|error| StoreError::io("put rows aside in", &self.path, error))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Takes the row that lies between two places.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take(&self, start: u64, end: u64) -> Result<Recipient, StoreError> {
        let damaged =
            || StoreError::Damaged { file: self.path.clone(), offset: start, what: "a row put aside" };
        let mut octets = vec![0; usize::try_from(end.saturating_sub(start)).map_err(|_| damaged())?];
        let read = self.file.read_exact_at(&mut octets, start);
        read.map_err(|error| StoreError::io("take up rows in", &self.path, error))?;
        postcard::from_bytes(&octets).map_err(|_| damaged())
    }

    /// The same, as one more row of somebody.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take_line(&self, start: u64, end: u64) -> Result<Line, StoreError> {
        let Recipient { row, fields, .. } = self.take(start, end)?;
        Ok(Line { row, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Address;

    #[test]
    fn rows_are_taken_up_in_any_order_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::create(folder.path()).unwrap();
        let row = |row: u32| {
            let address = Address::parse(&format!("r{row}@example.com")).unwrap();
            Recipient {
                row,
                fields: [address.as_str(), "Łódź"].into_iter().collect(),
                address,
                more: Vec::new(),
            }
        };
        let mut bounds = vec![0];
        for number in 0..30_000 {
            bounds.push(scratch.push(&row(number)).unwrap());
        }
        scratch.flush().unwrap();
        for number in [29_999_u32, 0, 14_000] {
            let place = number as usize;
            assert_eq!(scratch.take(bounds[place], bounds[place + 1]).unwrap(), row(number));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
