//! A frozen plan as it is read: any recipient by their place, or all of them in order.
//!
//! One [`Plan`] serves all threads: reads name their place in the file, and the rows that were read last are
//! kept a block at a time, as recipients are mostly taken in order.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::mail::{Batches, PlanId, Recipient, RecipientNo};

use super::error::StoreError;
use super::plans::{PlanFile, PlanHead, RowsEach, pieces};
use super::purge::PurgedPlan;

/// Rows that are read together.
const BLOCK: u32 = 256;
/// Blocks that are kept.
const KEPT: usize = 8;

/// A frozen plan, open for reading.
#[derive(Debug)]
pub struct Plan {
    id: PlanId,
    folder: PathBuf,
    head: PlanHead,
    batches: Batches,
    rows_hash: String,
    each: RowsEach,
    rows: File,
    index: File,
    kept: Mutex<Vec<Arc<Rows>>>,
}

/// Neighbouring rows as they stand in the file.
#[derive(Debug)]
struct Rows {
    block: u32,
    each: RowsEach,
    octets: Vec<u8>,
    /// Where each row begins in `octets`, and where the last ends.
    bounds: Vec<usize>,
}

impl Plan {
    /// Opens a plan. Needs no lock.
    ///
    /// # Errors
    /// [`StoreError::Purged`] if it was purged, [`StoreError::NoPlan`] if it was never frozen; or it is damaged
    /// or newer.
    pub fn open(state: &Path, id: PlanId) -> Result<Self, StoreError> {
        let folder = state.join("plans").join(id.to_string());
        if !folder.exists() {
            return Err(match PurgedPlan::open(state, id)? {
                Some(purged) => StoreError::Purged { plan: id, at: purged.head.at() },
                None => StoreError::NoPlan(id),
            });
        }
        let path = folder.join("plan.json");
        let damaged = |what| StoreError::Damaged { file: path.clone(), offset: 0, what };
        let json = fs::read(&path).map_err(|error| StoreError::io("read", &path, error))?;
        let value: serde_json::Value = serde_json::from_slice(&json).map_err(|_| damaged("not JSON"))?;
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(1) {
            let version = version.and_then(|version| u8::try_from(version).ok()).unwrap_or(0);
            return Err(StoreError::Newer { file: path, version });
        }
        let file: PlanFile = serde_json::from_value(value).map_err(|_| damaged("not a plan"))?;
        let open = |name: &str| {
            let path = folder.join(name);
            File::open(&path).map_err(|error| StoreError::io("open", &path, error))
        };
        let batches = read_batches(&folder, &file)?;
        let rows = open("rows")?;
        let plan = Self {
            id,
            head: file.head,
            batches,
            rows_hash: file.rows,
            each: rows_each(&rows, &folder.join("rows"))?,
            rows,
            index: open("rows.index")?,
            kept: Mutex::new(Vec::new()),
            folder: folder.clone(),
        };
        plan.check_lengths()?;
        Ok(plan)
    }

    /// Whether the rows and their index are as long as they say.
    fn check_lengths(&self) -> Result<(), StoreError> {
        let path = self.folder.join("rows.index");
        let found = self.index.metadata().map_err(|error| StoreError::io("read", &path, error))?.len();
        if found != (u64::from(self.len()) + 1) * 8 {
            return Err(StoreError::Damaged { file: path, offset: found, what: "another number of rows" });
        }
        Ok(())
    }

    /// Its id.
    pub fn id(&self) -> PlanId {
        self.id
    }

    /// What was frozen beside the rows.
    pub fn head(&self) -> &PlanHead {
        &self.head
    }

    /// When its first row was about to be written, by the file system's clock. None where that has no such clock.
    pub fn begun(&self) -> Option<SystemTime> {
        self.rows.metadata().and_then(|found| found.created()).ok()
    }

    /// How its recipients fall into batches.
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// How many recipients it has.
    pub fn len(&self) -> u32 {
        self.batches.recipients()
    }

    /// Whether nobody is to be written to.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The recipient at `place`. Cheap where the recipients around were read before.
    ///
    /// # Errors
    /// There is none, the rows are damaged, or cannot be read.
    pub fn recipient(&self, place: RecipientNo) -> Result<Recipient, StoreError> {
        if place.0 >= self.len() {
            return Err(self.damaged(0, "the plan has no such row"));
        }
        let rows = self.rows_around(place)?;
        rows.row(place.0 % BLOCK).ok_or_else(|| self.damaged(0, "a row cannot be read"))
    }

    fn damaged(&self, offset: u64, what: &'static str) -> StoreError {
        StoreError::Damaged { file: self.folder.join("rows"), offset, what }
    }

    fn rows_around(&self, place: RecipientNo) -> Result<Arc<Rows>, StoreError> {
        let block = place.0 / BLOCK;
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(rows) = kept.iter().find(|rows| rows.block == block) {
                return Ok(Arc::clone(rows));
            }
        }
        let start = block * BLOCK;
        let rows = Arc::new(self.read(start..start.saturating_add(BLOCK).min(self.len()))?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&rows));
        Ok(rows)
    }

    fn read(&self, recipients: Range<u32>) -> Result<Rows, StoreError> {
        let failed = |error| StoreError::io("read", &self.folder, error);
        let mut index = vec![0; (recipients.len() + 1) * 8];
        self.index.read_exact_at(&mut index, u64::from(recipients.start) * 8).map_err(failed)?;
        let (bounds, _) = index.as_chunks::<8>();
        let bounds: Vec<u64> = bounds.iter().map(|bound| u64::from_le_bytes(*bound)).collect();
        let (first, last) = (bounds[0], bounds[bounds.len() - 1]);
        let length = self.rows.metadata().map_err(failed)?.len();
        if last > length || !bounds.is_sorted() {
            return Err(self.damaged(last, "the rows end before their index does"));
        }
        let octets =
            usize::try_from(last - first).map_err(|_| self.damaged(first, "rows of impossible length"))?;
        let mut octets = vec![0; octets];
        self.rows.read_exact_at(&mut octets, first).map_err(failed)?;
        let within = |bound: &u64| usize::try_from(bound - first).expect("not beyond what was just read");
        let (block, each) = (recipients.start / BLOCK, self.each);
        Ok(Rows { block, each, octets, bounds: bounds.iter().map(within).collect() })
    }

    /// The recipients of a range of places, in order; reads ahead and keeps one block.
    pub fn scan(&self, recipients: Range<u32>) -> impl Iterator<Item = Result<Recipient, StoreError>> {
        let wanted = recipients.start..recipients.end.min(self.len());
        pieces(wanted, BLOCK * 4).flat_map(move |piece| {
            let count = u32::try_from(piece.len()).expect("a piece is short");
            let rows = self.read(piece);
            (0..count).map(move |row| match &rows {
                Ok(rows) => rows.row(row).ok_or_else(|| self.damaged(0, "a row cannot be read")),
                Err(error) => Err(error.clone()),
            })
        })
    }

    /// Reads all rows and compares them with the hash that was frozen.
    ///
    /// # Errors
    /// They differ, or cannot be read.
    pub fn verify(&self) -> Result<(), StoreError> {
        let mut hasher = blake3::Hasher::new();
        let path = self.folder.join("rows");
        let file = File::open(&path).map_err(|error| StoreError::io("read", &path, error))?;
        hasher.update_reader(file).map_err(|error| StoreError::io("read", &path, error))?;
        if hasher.finalize().to_hex().as_str() == self.rows_hash {
            Ok(())
        } else {
            Err(self.damaged(0, "the rows are not those that were frozen"))
        }
    }
}

impl Rows {
    fn row(&self, row: u32) -> Option<Recipient> {
        let row = row as usize;
        let octets = self.octets.get(*self.bounds.get(row)?..*self.bounds.get(row + 1)?)?;
        let (recipient, rest) = postcard::take_from_bytes::<Recipient>(octets).ok()?;
        match self.each {
            RowsEach::One => Some(recipient),
            RowsEach::Several => Some(Recipient { more: postcard::from_bytes(rest).ok()?, ..recipient }),
        }
    }
}

/// How the file of rows is written, by its title.
fn rows_each(rows: &File, path: &Path) -> Result<RowsEach, StoreError> {
    let mut title = [0; 8];
    rows.read_exact_at(&mut title, 0).map_err(|error| StoreError::io("read", path, error))?;
    RowsEach::titled(title).ok_or_else(|| StoreError::Newer { file: path.to_owned(), version: title[7] })
}

fn read_batches(folder: &Path, file: &PlanFile) -> Result<Batches, StoreError> {
    let recipients = file.recipients;
    if !file.grouped {
        return Ok(Batches::Personal { recipients });
    }
    let path = folder.join("batches");
    let octets = fs::read(&path).map_err(|error| StoreError::io("read", &path, error))?;
    let (starts, rest) = octets.as_chunks::<4>();
    let starts: Vec<u32> = starts.iter().map(|start| u32::from_le_bytes(*start)).collect();
    let rising =
        starts.is_sorted_by(|one, next| one < next) && starts.first().is_none_or(|first| *first == 0);
    let in_plan =
        starts.last().is_none_or(|last| *last < recipients) && starts.is_empty() == (recipients == 0);
    if !rest.is_empty() || !rising || !in_plan {
        return Err(StoreError::Damaged { file: path, offset: 0, what: "the batches do not fit the plan" });
    }
    Ok(Batches::Grouped { recipients, starts })
}
