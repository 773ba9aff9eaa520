//! Purging a plan: its rows and texts are removed, and what must outlive them is kept without a name.
//!
//! `.mailrun/purged/ID` is one file: eight octets that name the format, the length of the head as u32
//! little-endian, the head in postcard, and for each recipient sixteen octets: the seal of the address of
//! those who were written to or may have been, zeros for all others. A seal is a hash under the secret of
//! the workspace: it tells whether an address was written to, and nobody else can try addresses on it.
//!
//! The file is durable before anything is removed, and the plan is renamed before its files go, so that a
//! purge that was cut off is simply done again. The journal holds no addresses, and the index nothing but
//! states by place and hashes of the suppressed, so both stay as they are.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{Excluded, Mode, PlanId};

use super::error::StoreError;
use super::folder::{make_folder, replace_file, sync_parent};
use super::keys::{Keys, Seal};
use super::plan::Plan;
use super::plans::sweep;
use super::postcard_tail::write_postcard;

/// The first octets of the file: a name and the version of the format.
const TITLE: [u8; 8] = *b"mrpurge\x01";
/// How the folder of a plan begins that is being removed.
const GOING: &str = ".going-";

/// What is left of a plan that was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgedHead {
    /// When, in seconds since 1970.
    at: i64,
    /// Whether each recipient got a message of their own.
    pub mode: Mode,
    /// How many rows were left out, and why.
    pub excluded: Excluded,
    /// How many recipients it had.
    pub recipients: u32,
}

impl PurgedHead {
    /// When it was purged.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_second(self.at).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// A plan of which nothing is left that names anybody.
#[derive(Debug)]
pub struct PurgedPlan {
    /// What is left.
    pub head: PurgedHead,
    path: PathBuf,
    seals: Vec<u8>,
}

fn path_of(state: &Path, id: PlanId) -> PathBuf {
    state.join("purged").join(id.to_string())
}

impl PurgedPlan {
    /// Reads what is left of a plan; none if it was never purged.
    ///
    /// # Errors
    /// The file is damaged, of a newer mailrun, or cannot be read.
    pub fn open(state: &Path, id: PlanId) -> Result<Option<Self>, StoreError> {
        let path = path_of(state, id);
        let failed = |error| StoreError::io("read", &path, error);
        let mut octets = Vec::new();
        match File::open(&path) {
            Ok(mut file) => file.read_to_end(&mut octets).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let damaged =
            |offset: usize, what| StoreError::Damaged { file: path.clone(), offset: offset as u64, what };
        let Some((title, rest)) = octets.split_first_chunk::<8>() else {
            return Err(damaged(0, "the file is too short"));
        };
        if title[..7] != TITLE[..7] {
            return Err(damaged(0, "not what is left of a plan"));
        }
        if *title != TITLE {
            return Err(StoreError::Newer { file: path, version: title[7] });
        }
        let (length, rest) =
            rest.split_first_chunk::<4>().ok_or_else(|| damaged(8, "the file is too short"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let head: PurgedHead = rest
            .get(..length)
            .and_then(|head| postcard::from_bytes(head).ok())
            .ok_or_else(|| damaged(12, "the head cannot be read"))?;
        let seals = rest[length..].to_vec();
        if seals.len() != head.recipients as usize * size_of::<Seal>() {
            return Err(damaged(12 + length, "another number of seals"));
        }
        Ok(Some(Self { head, path, seals }))
    }

    /// The seals of the recipients at these places who were written to, or may have been.
    ///
    /// # Errors
    /// There is no such place.
    pub fn seals(&self, places: &Range<u32>) -> Result<impl Iterator<Item = Seal>, StoreError> {
        let (all, _) = self.seals.as_chunks::<16>();
        let found = all.get(places.start as usize..places.end as usize).ok_or_else(|| {
            StoreError::Damaged { file: self.path.clone(), offset: 0, what: "a recipient is missing" }
        })?;
        Ok(found.iter().copied().filter(|seal| *seal != Seal::default()))
    }
}

/// What a purge has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Plans.
    pub plans: u64,
    /// Octets of their files.
    pub octets: u64,
    /// Addresses of which a seal was kept.
    pub seals: u64,
}

/// Removes a plan and all that it knows of people. `written_to` are the places, rising, of those whom a seal
/// has to stand for. The caller holds the lock. Purging a plan that is gone, or that was cut off while it
/// was purged, is no error.
///
/// # Errors
/// The plan is damaged, or something cannot be written or removed: then it can be purged again.
pub fn purge_plan(
    state: &Path,
    id: PlanId,
    written_to: &[Range<u32>],
    at: Timestamp,
) -> Result<Removed, StoreError> {
    let plan = match Plan::open(state, id) {
        Ok(plan) => plan,
        Err(StoreError::NoPlan(_) | StoreError::Purged { .. }) => return Ok(Removed::default()),
        Err(error) => return Err(error),
    };
    let seals = keep(state, &plan, written_to, at)?;
    let octets = remove_plan(state, id)?;
    Ok(Removed { plans: 1, octets, seals })
}

/// Writes down what must outlive the plan.
fn keep(state: &Path, plan: &Plan, written_to: &[Range<u32>], at: Timestamp) -> Result<u64, StoreError> {
    let keys = Keys::open(state)?;
    let head = PurgedHead {
        at: at.as_second(),
        mode: plan.head().content.mode,
        excluded: plan.head().excluded,
        recipients: plan.len(),
    };
    let mut seals = vec![Seal::default(); plan.len() as usize];
    let mut kept = HashSet::new();
    for range in written_to {
        for (place, recipient) in range.clone().zip(plan.scan(range.clone())) {
            let seal = keys.seal(recipient?.address.key());
            seals[place as usize] = seal;
            kept.insert(seal);
        }
    }
    let mut text = Vec::new();
    write_postcard(&head, &mut text);
    let mut octets = TITLE.to_vec();
    octets.extend_from_slice(&u32::try_from(text.len()).expect("a head is short").to_le_bytes());
    octets.extend_from_slice(&text);
    octets.extend_from_slice(seals.as_flattened());
    let path = path_of(state, plan.id());
    make_folder(&state.join("purged"))?;
    replace_file(&path, &octets)?;
    Ok(kept.len() as u64)
}

/// Removes a plan with the addresses in it, so that it is never half there; says how many octets its files
/// had. Removing one that is not there is no error.
///
/// # Errors
/// It cannot be removed.
pub fn remove_plan(state: &Path, id: PlanId) -> Result<u64, StoreError> {
    let plans = state.join("plans");
    let (place, going) = (plans.join(id.to_string()), plans.join(format!("{GOING}{id}")));
    let left = remove_folder(&going)?;
    match fs::rename(&place, &going) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(left),
        Err(error) => return Err(StoreError::io("remove", &place, error)),
    }
    sync_parent(&place)?;
    Ok(left + remove_folder(&going)?)
}

/// Removes what a purge that was cut off has left of plans, and what processes left that died while they
/// planned; says how many octets the former were.
///
/// # Errors
/// Something cannot be removed.
pub fn finish_purges(state: &Path) -> Result<u64, StoreError> {
    let plans = state.join("plans");
    sweep(&plans);
    let Ok(entries) = fs::read_dir(&plans) else { return Ok(0) };
    let mut octets = 0;
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(GOING)) {
            octets += remove_folder(&entry.path())?;
        }
    }
    Ok(octets)
}

/// Removes a folder with all that is in it, durably, and says how many octets its files had. One that is
/// not there has none.
///
/// # Errors
/// Something cannot be removed.
pub fn remove_folder(folder: &Path) -> Result<u64, StoreError> {
    let octets = octets_in(folder);
    match fs::remove_dir_all(folder) {
        Ok(()) => sync_parent(folder).map(|()| octets),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(StoreError::io("remove", folder, error)),
    }
}

/// What cannot be looked at counts nothing.
fn octets_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => octets_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
