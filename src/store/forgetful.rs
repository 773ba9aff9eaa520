//! A disk that tears and forgets: what was not synced may be lost, in parts and out of order.
//!
//! It keeps what is durable apart from what was only written. [`ForgetfulDisk::cut`] pulls the plug: each
//! write since the last sync survives, vanishes or survives in some of its sectors, as the seed has it, and
//! the last checkpoint may not have come to its name. It can also pull the plug by itself before its n-th
//! operation, run full, or fail to sync. Zeros that nobody wrote take no memory, so that a million disks can be
//! had.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, Spent};

/// What a disk writes at once or not at all, in octets.
const SECTOR: usize = 512;

/// A disk in memory. Copies of it are the same disk.
#[derive(Debug, Clone, Default)]
pub struct ForgetfulDisk {
    medium: Arc<Mutex<Medium>>,
}

#[derive(Debug, Clone)]
struct Medium {
    segments: BTreeMap<u32, Segment>,
    /// Operations that change the medium: those done, and how many may be done.
    done: u64,
    allowed: u64,
    syncs_allowed: u64,
    capacity: u64,
    /// The checkpoint, and the one before.
    kept: [Option<Vec<u8>>; 2],
    aside: Option<Vec<u8>>,
    /// Whether an operation was not done.
    off: bool,
}

impl Default for Medium {
    fn default() -> Self {
        Self {
            segments: BTreeMap::new(),
            done: 0,
            allowed: u64::MAX,
            syncs_allowed: u64::MAX,
            capacity: u64::MAX / 2,
            kept: [None, None],
            aside: None,
            off: false,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Segment {
    length: usize,
    /// What was synced. Behind its end there are only zeros, as behind that of `seen`.
    durable: Vec<u8>,
    /// What a reader sees while the power is on.
    seen: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and the same on every machine.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    /// A number below `limit`.
    #[cfg(test)]
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("less than a usize")
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl ForgetfulDisk {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations changed the medium so far.
    pub fn operations(&self) -> u64 {
        self.medium().done
    }

    /// Lets `more` operations pass and pulls the plug before the next: it fails, and all that follow.
    pub fn fail_after(&self, more: u64) {
        let mut medium = self.medium();
        medium.allowed = medium.done + more;
    }

    /// Lets `more` syncs pass; the next one fails.
    pub fn fail_sync_after(&self, more: u64) {
        self.medium().syncs_allowed = more;
    }

    /// Sets how many octets all segments together may have.
    pub fn set_capacity(&self, octets: u64) {
        self.medium().capacity = octets;
    }

    /// The disk after a power cut: what was synced, and of the rest what `seed` lets survive.
    #[must_use]
    pub fn cut(&self, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let mut medium = self.medium().clone();
        for segment in medium.segments.values_mut() {
            for (offset, octets) in std::mem::take(&mut segment.unsynced) {
                let fate = chance.next() % 3;
                let mut start = offset;
                for sector in octets.chunks(SECTOR) {
                    // All of it, nothing of it, or the sectors that were lucky.
                    if fate == 0 || (fate == 1 && chance.next().is_multiple_of(2)) {
                        put(&mut segment.durable, start, sector);
                    }
                    start += sector.len();
                }
            }
            segment.seen.clone_from(&segment.durable);
        }
        if chance.next().is_multiple_of(2) {
            // The name of the new one was not on the disk yet.
            medium.kept = [medium.kept[1].take(), None];
        }
        (medium.allowed, medium.syncs_allowed, medium.off) = (u64::MAX, u64::MAX, false);
        Self { medium: Arc::new(Mutex::new(medium)) }
    }

    /// Whether the plug is pulled: an operation has failed for it.
    pub fn is_off(&self) -> bool {
        self.medium().off
    }

    /// The disk after the process that wrote to it has ended: all that was written, synced or not.
    #[must_use]
    pub fn left(&self) -> Self {
        let mut medium = self.medium().clone();
        for segment in medium.segments.values_mut() {
            segment.unsynced.clear();
            segment.durable.clone_from(&segment.seen);
        }
        (medium.allowed, medium.syncs_allowed, medium.off) = (u64::MAX, u64::MAX, false);
        Self { medium: Arc::new(Mutex::new(medium)) }
    }

    /// What is durable of a segment from `offset` on, without the zeros that nobody wrote.
    pub fn durable(&self, segment: u32, offset: usize) -> Vec<u8> {
        let medium = self.medium();
        let durable = medium.segments.get(&segment).map(|segment| segment.durable.as_slice());
        durable.and_then(|durable| durable.get(offset..)).unwrap_or_default().to_vec()
    }

    /// The segments as a reader sees them now.
    pub fn image(&self) -> Vec<Vec<u8>> {
        let whole = |segment: &Segment| {
            let mut octets = segment.seen.clone();
            octets.resize(segment.length, 0);
            octets
        };
        self.medium().segments.values().map(whole).collect()
    }

    /// A disk that holds `image` as its segments, counted from 1.
    pub fn of_image(image: Vec<Vec<u8>>) -> Self {
        let disk = Self::default();
        for (number, octets) in (1..).zip(image) {
            let length = octets.len();
            let segment = Segment { length, durable: octets.clone(), seen: octets, unsynced: Vec::new() };
            disk.medium().segments.insert(number, segment);
        }
        disk
    }
}

/// Writes `octets` at `start`, behind zeros where nothing is yet.
fn put(place: &mut Vec<u8>, start: usize, octets: &[u8]) {
    let end = start + octets.len();
    if place.len() < end {
        place.resize(end, 0);
    }
    place[start..end].copy_from_slice(octets);
}

impl Medium {
    fn operate(&mut self) -> io::Result<()> {
        if self.done >= self.allowed {
            self.off = true;
            return Err(io::Error::other("the power is cut"));
        }
        self.done += 1;
        Ok(())
    }

    fn used(&self) -> u64 {
        self.segments.values().map(|segment| segment.length as u64).sum()
    }

    fn segment(&mut self, number: u32) -> io::Result<&mut Segment> {
        self.segments.get_mut(&number).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Disk for ForgetfulDisk {
    fn segments(&self) -> io::Result<Vec<(u32, u64)>> {
        let medium = self.medium();
        Ok(medium.segments.iter().map(|(number, segment)| (*number, segment.length as u64)).collect())
    }

    fn allocate(&mut self, segment: u32, octets: u64) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operate()?;
        if medium.used() + octets > medium.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = usize::try_from(octets).map_err(io::Error::other)?;
        medium.segments.insert(segment, Segment { length, ..Segment::default() });
        Ok(())
    }

    fn read_at(&self, segment: u32, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut medium = self.medium();
        let segment = medium.segment(segment)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?.min(segment.length);
        let count = buffer.len().min(segment.length - start);
        let written = segment.seen.get(start..).unwrap_or_default();
        let written = &written[..written.len().min(count)];
        buffer[..written.len()].copy_from_slice(written);
        buffer[written.len()..count].fill(0);
        Ok(count)
    }

    fn write_at(&mut self, segment: u32, offset: u64, octets: &[u8]) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operate()?;
        let segment = medium.segment(segment)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        if start + octets.len() > segment.length {
            return Err(io::Error::other("a write past the end"));
        }
        put(&mut segment.seen, start, octets);
        segment.unsynced.push((start, octets.to_vec()));
        Ok(())
    }

    fn sync(&mut self, segment: u32) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operate()?;
        if medium.syncs_allowed == 0 {
            return Err(io::Error::other("the sync failed"));
        }
        medium.syncs_allowed -= 1;
        let segment = medium.segment(segment)?;
        for (offset, octets) in std::mem::take(&mut segment.unsynced) {
            put(&mut segment.durable, offset, &octets);
        }
        Ok(())
    }

    fn keep(&mut self, make: Box<dyn FnOnce() -> Vec<u8> + Send>) {
        let mut medium = self.medium();
        if medium.operate().is_ok() {
            let before = medium.kept[0].take();
            medium.kept = [Some(make()), before];
        }
    }

    fn kept(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.medium().kept[0].clone())
    }

    fn set_aside(&mut self, octets: &[u8]) -> io::Result<PathBuf> {
        let mut medium = self.medium();
        medium.operate()?;
        medium.aside = Some(octets.to_vec());
        Ok(PathBuf::from("aside"))
    }

    fn aside(&self) -> Vec<Vec<u8>> {
        self.medium().aside.iter().cloned().collect()
    }

    fn clear_aside(&mut self, _spent: Spent) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operate()?;
        medium.aside = None;
        Ok(())
    }

    fn available(&self) -> io::Result<u64> {
        let medium = self.medium();
        Ok(medium.capacity.saturating_sub(medium.used()))
    }

    fn place(&self, segment: u32) -> PathBuf {
        PathBuf::from(format!("{segment:08}.wal"))
    }
}
