//! A disk that tears and forgets: what was not synced may be lost, in parts and out of order.
//!
//! It keeps what is durable apart from what was only written. [`ForgetfulDisk::cut`] pulls the plug: each
//! write since the last sync survives, vanishes or survives in some of its sectors, as the seed has it, and
//! the last checkpoint may not have come to its name.
//! It can also pull the plug by itself before its n-th operation, run full, or fail to sync.

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
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Segment {
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
                        segment.durable[start..start + sector.len()].copy_from_slice(sector);
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
        (medium.allowed, medium.syncs_allowed) = (u64::MAX, u64::MAX);
        Self { medium: Arc::new(Mutex::new(medium)) }
    }

    /// The segments as a reader sees them now.
    pub fn image(&self) -> Vec<Vec<u8>> {
        self.medium().segments.values().map(|segment| segment.seen.clone()).collect()
    }

    /// A disk that holds `image` as its segments, counted from 1.
    pub fn of_image(image: Vec<Vec<u8>>) -> Self {
        let disk = Self::default();
        for (number, octets) in (1..).zip(image) {
            let segment = Segment { durable: octets.clone(), seen: octets, unsynced: Vec::new() };
            disk.medium().segments.insert(number, segment);
        }
        disk
    }
}

impl Medium {
    fn operate(&mut self) -> io::Result<()> {
        if self.done >= self.allowed {
            return Err(io::Error::other("the power is cut"));
        }
        self.done += 1;
        Ok(())
    }

    fn used(&self) -> u64 {
        self.segments.values().map(|segment| segment.seen.len() as u64).sum()
    }

    fn segment(&mut self, number: u32) -> io::Result<&mut Segment> {
        self.segments.get_mut(&number).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Disk for ForgetfulDisk {
    fn segments(&self) -> io::Result<Vec<(u32, u64)>> {
        let medium = self.medium();
        Ok(medium.segments.iter().map(|(number, segment)| (*number, segment.seen.len() as u64)).collect())
    }

    fn allocate(&mut self, segment: u32, octets: u64) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operate()?;
        if medium.used() + octets > medium.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let zeros = vec![0; usize::try_from(octets).map_err(io::Error::other)?];
        medium
            .segments
            .insert(segment, Segment { durable: zeros.clone(), seen: zeros, unsynced: Vec::new() });
        Ok(())
    }

    fn read_at(&self, segment: u32, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut medium = self.medium();
        let seen = &medium.segment(segment)?.seen;
        let start = usize::try_from(offset).map_err(io::Error::other)?.min(seen.len());
        let count = buffer.len().min(seen.len() - start);
        buffer[..count].copy_from_slice(&seen[start..start + count]);
        Ok(count)
    }

    fn write_at(&mut self, segment: u32, offset: u64, octets: &[u8]) -> io::Result<()> {
        let mut medium = self.medium();
        medium.operate()?;
        let segment = medium.segment(segment)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let seen = segment.seen.get_mut(start..start + octets.len());
        seen.ok_or_else(|| io::Error::other("a write past the end"))?.copy_from_slice(octets);
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
            segment.durable[offset..offset + octets.len()].copy_from_slice(&octets);
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
