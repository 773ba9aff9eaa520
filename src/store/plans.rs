//! Frozen plans: `.mailrun/plans/ID/`, written once and never changed.
//!
//! - `plan.json`: what decides the octets of the messages, and what was left out ([`PlanHead`]);
//! - `rows`: the recipients in postcard, back to back behind eight octets that name the format; each with its
//!   other rows behind it where the campaign gathers rows;
//! - `rows.index`: where each row begins, and where the last ends, as u64 little-endian;
//! - `batches`: in grouped mode, the first recipient of each batch, as u32 little-endian.
//!
//! A plan is written in a folder of its own, synced, and renamed, so that one with a name is whole. Its id is
//! a hash over rows, batches and content, so equal plans are one plan.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::mail::{Batches, Content, Excluded, PlanId, Recipient, RecipientNo};

use super::error::StoreError;
use super::folder::{Folder, make_folder, new_file, sync_parent};
use super::postcard_tail::write_postcard;

/// How many rows of the list a recipient of a plan may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsEach {
    /// One.
    One,
    /// Any number, as the campaign gathers rows.
    Several,
}

impl RowsEach {
    /// The first octets of `rows`: a name and the version of the format. In the second a recipient is followed
    /// by their other rows, which a mailrun that knows the first alone would pass over.
    pub(super) const fn title(self) -> [u8; 8] {
        match self {
            Self::One => *b"mrrows\0\x01",
            Self::Several => *b"mrrows\0\x02",
        }
    }

    /// Those whose title this is.
    pub(super) fn titled(title: [u8; 8]) -> Option<Self> {
        [Self::One, Self::Several].into_iter().find(|rows| rows.title() == title)
    }
}

/// How often a plan is put in its place that others remove meanwhile.
const PUBLISHING: u32 = 8;
/// The version of `plan.json`.
const VERSION: u8 = 1;
/// How much is gathered before it is written.
const BUFFER: usize = 1 << 20;

/// What a plan is, its rows apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanHead {
    /// Everything that decides the octets of a message.
    pub content: Content,
    /// How many rows were left out, and why.
    pub excluded: Excluded,
    /// What else the planner wants to find again, such as hashes of the list and the templates. Not part
    /// of the id.
    pub extra: serde_json::Value,
}

/// `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PlanFile {
    pub(super) version: u8,
    pub(super) recipients: u32,
    pub(super) grouped: bool,
    /// Hash over `rows`, in hexadecimal digits.
    pub(super) rows: String,
    pub(super) head: PlanHead,
}

/// Writes a plan row by row; memory does not grow with the rows. Dropped before
/// [`PlanWriter::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct PlanWriter {
    plans: PathBuf,
    folder: PathBuf,
    each: RowsEach,
    rows: BufWriter<File>,
    index: BufWriter<File>,
    hasher: blake3::Hasher,
    /// Rows that are not hashed and written yet; large pieces hash several times as fast.
    pending: Vec<u8>,
    offset: u64,
    count: u32,
    kept: bool,
}

impl PlanWriter {
    /// Begins a plan in the state folder. Needs no lock.
    ///
    /// # Errors
    /// The folder may not be used, or is full or read-only.
    pub fn create(state: &Path, each: RowsEach) -> Result<Self, StoreError> {
        /// Tells the plans apart that one process writes at once.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (prepared, _) = Folder::prepare(state)?;
        let plans = prepared.plans();
        sweep(&plans);
        let name = format!(".new-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = plans.join(name);
        make_folder(&folder)?;
        let rows = BufWriter::with_capacity(BUFFER, new_file(&folder.join("rows"))?);
        let index = BufWriter::with_capacity(BUFFER, new_file(&folder.join("rows.index"))?);
        let pending = each.title().to_vec();
        let offset = pending.len() as u64;
        let hasher = blake3::Hasher::new();
        Ok(Self { plans, folder, each, rows, index, hasher, pending, offset, count: 0, kept: false })
    }

    /// Adds the next recipient, in batch order, and says their place.
    ///
    /// # Errors
    /// The disk is full or fails; the plan must be given up.
    pub fn push(&mut self, recipient: &Recipient) -> Result<RecipientNo, StoreError> {
        let place = RecipientNo(self.count);
        let next =
            self.count.checked_add(1).ok_or(StoreError::TooLarge { what: "a plan of 4 billion rows" })?;
        let before = self.pending.len();
        let begins = self.offset.to_le_bytes();
        write_postcard(recipient, &mut self.pending);
        match self.each {
            RowsEach::One => debug_assert!(recipient.more.is_empty(), "a plan of single rows"),
            RowsEach::Several => write_postcard(&recipient.more, &mut self.pending),
        }
        self.offset += (self.pending.len() - before) as u64;
        self.count = next;
        self.index.write_all(&begins).map_err(|error| self.failed(error))?;
        if self.pending.len() >= BUFFER {
            self.write_pending()?;
        }
        Ok(place)
    }

    /// How many recipients there are so far.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether nobody was added yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::io("write a plan in", &self.plans, error)
    }

    fn write_pending(&mut self) -> Result<(), StoreError> {
        self.hasher.update(&self.pending);
        self.rows.write_all(&self.pending).map_err(|error| self.failed(error))?;
        self.pending.clear();
        Ok(())
    }

    /// Freezes the plan: durable under its id when this returns. An equal plan that was frozen before
    /// keeps its rows and gets this head.
    ///
    /// # Errors
    /// The disk is full or fails; nothing is left behind.
    ///
    /// # Panics
    /// If `batches` speaks of another number of recipients than were added.
    pub fn finish(mut self, head: PlanHead, batches: &Batches) -> Result<PlanId, StoreError> {
        assert_eq!(batches.recipients(), self.count, "the batches hold the recipients of the plan");
        self.write_pending()?;
        let end = self.offset.to_le_bytes();
        self.index.write_all(&end).map_err(|error| self.failed(error))?;
        let rows_hash = self.hasher.finalize();
        let mut id = self.hasher.clone();
        id.update(&starts(batches));
        id.update(&serde_json::to_vec(&head.content).expect("content is text, numbers and maps by text"));
        let hash = id.finalize();
        let (id, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 octets");
        let id = PlanId(*id);
        let file = PlanFile {
            version: VERSION,
            recipients: self.count,
            grouped: matches!(batches, Batches::Grouped { .. }),
            rows: rows_hash.to_hex().to_string(),
            head,
        };
        let json = serde_json::to_vec_pretty(&file).expect("a plan is text, numbers and maps by text");
        self.sync_rows()?;
        if let Batches::Grouped { .. } = batches {
            write_durably(&self.folder.join("batches"), &starts(batches))?;
        }
        write_durably(&self.folder.join("plan.json"), &json)?;
        self.publish(id)?;
        Ok(id)
    }

    fn sync_rows(&mut self) -> Result<(), StoreError> {
        for file in [&mut self.rows, &mut self.index] {
            let synced = file.flush().and_then(|()| file.get_ref().sync_all());
            synced.map_err(|error| StoreError::io("write a plan in", &self.plans, error))?;
        }
        sync_parent(&self.folder.join("rows"))
    }

    /// Gives the plan its place, or only what it knows of the list where the same plan stands there already.
    /// Planning takes no lock: another process may put the same plan there, or remove it, at the same moment.
    fn publish(&mut self, id: PlanId) -> Result<(), StoreError> {
        let place = self.plans.join(id.to_string());
        let mut last = None;
        for _ in 0..PUBLISHING {
            match fs::rename(&self.folder, &place) {
                Ok(()) => {
                    self.kept = true;
                    return sync_parent(&place);
                }
                Err(error)
                    if error.kind() == io::ErrorKind::DirectoryNotEmpty
                        || error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.failed(error)),
            }
            let file = place.join("plan.json");
            match fs::rename(self.folder.join("plan.json"), &file) {
                Ok(()) => return sync_parent(&file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => last = Some(error),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Err(self.failed(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::NotFound))))
    }
}

impl Drop for PlanWriter {
    fn drop(&mut self) {
        if !self.kept {
            // What is left is swept by the next plan.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Removes what processes left behind that died while they planned.
pub(super) fn sweep(plans: &Path) {
    let Ok(entries) = fs::read_dir(plans) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid =
            name.to_str().and_then(|name| name.strip_prefix(".new-")).and_then(|rest| rest.split('-').next());
        if let Some(pid) = pid
            && !Path::new("/proc").join(pid).exists()
        {
            // Only room is lost if it stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn starts(batches: &Batches) -> Vec<u8> {
    match batches {
        Batches::Personal { .. } => Vec::new(),
        Batches::Grouped { starts, .. } => starts.iter().flat_map(|start| start.to_le_bytes()).collect(),
    }
}

fn write_durably(path: &Path, octets: &[u8]) -> Result<(), StoreError> {
    let mut file = new_file(path)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    written.map_err(|error| StoreError::io("write", path, error))?;
    sync_parent(path)
}

/// The plans of the state folder, in no order.
///
/// # Errors
/// The folder cannot be read.
pub fn plans(state: &Path) -> Result<Vec<PlanId>, StoreError> {
    let folder = state.join("plans");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("read", &folder, error)),
    };
    Ok(entries.flatten().filter_map(|entry| PlanId::parse(entry.file_name().to_str()?)).collect())
}

/// Ranges of `recipients` in pieces of at most `size`.
pub(super) fn pieces(recipients: Range<u32>, size: u32) -> impl Iterator<Item = Range<u32>> {
    let end = recipients.end;
    (recipients.start..end)
        .step_by(size as usize)
        .map(move |start| start..start.saturating_add(size).min(end))
}
