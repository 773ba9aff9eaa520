//! The seam under the journal: numbered segments that are allocated, written, synced and read.
//!
//! Two implementations: [`FileDisk`], the files of `.mailrun/journal/`, and
//! [`ForgetfulDisk`](super::ForgetfulDisk), which loses and tears what was not synced. A write is durable
//! when [`Disk::sync`] of its segment has returned, never before; a failed sync is final.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::error::is_full;
use super::folder::replace_file;

/// How much is written at once when a new segment is filled with zeros.
const FILL_STEP: usize = 1 << 20;
/// The name of the checkpoint beside the segments.
const CHECKPOINT: &str = "checkpoint";
/// The room that is given up when the disk is full, so that reports still work.
const BALLAST: u64 = 1 << 20;

/// What the journal lies on.
pub trait Disk: Send {
    /// The segments there are and their lengths in octets, by rising number.
    ///
    /// # Errors
    /// What the system said; nothing can be read then.
    fn segments(&self) -> io::Result<Vec<(u32, u64)>>;

    /// Makes `segment`, full of zeros and `octets` long. Room and name are durable when it returns.
    ///
    /// # Errors
    /// `StorageFull`, after which the disk is as before; or what the system said.
    fn allocate(&mut self, segment: u32, octets: u64) -> io::Result<()>;

    /// Fills `buffer` from `offset` and says how much there was.
    ///
    /// # Errors
    /// What the system said.
    fn read_at(&self, segment: u32, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `octets`, within the length of the segment.
    ///
    /// # Errors
    /// What the system said; a part may have been written.
    fn write_at(&mut self, segment: u32, offset: u64, octets: &[u8]) -> io::Result<()>;

    /// Makes all that was written to `segment` durable.
    ///
    /// # Errors
    /// What the system said. It must not be tried again: the system may have dropped what it could not
    /// write, and would say that all is well.
    fn sync(&mut self, segment: u32) -> io::Result<()>;

    /// Puts a checkpoint, which `make` writes, in place of the one before; perhaps later, and perhaps never,
    /// as nothing depends on it. It is there as a whole or not at all.
    fn keep(&mut self, make: Box<dyn FnOnce() -> Vec<u8> + Send>);

    /// The checkpoint kept last; none if there is none.
    ///
    /// # Errors
    /// What the system said.
    fn kept(&self) -> io::Result<Option<Vec<u8>>>;

    /// Puts records that the segments cannot take any more in places of their own, durably, in place of what
    /// was put there before; says where.
    ///
    /// # Errors
    /// What the system said; no place takes them.
    fn set_aside(&mut self, octets: &[u8]) -> io::Result<PathBuf>;

    /// What was set aside: as many copies as there are.
    fn aside(&self) -> Vec<Vec<u8>>;

    /// Puts what was set aside out of the way, durably.
    ///
    /// # Errors
    /// What the system said.
    fn clear_aside(&mut self, spent: Spent) -> io::Result<()>;

    /// Octets that the file system has left for us.
    ///
    /// # Errors
    /// What the system said.
    fn available(&self) -> io::Result<u64>;

    /// What to call a segment in an error.
    fn place(&self, segment: u32) -> PathBuf;
}

/// Why what was set aside is not needed there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The segments have it.
    TakenIn,
    /// It came too late to be taken in; somebody may still want to read it.
    TooLate,
}

/// The files `NNNNNNNN.wal` of a folder.
#[derive(Debug)]
pub struct FileDisk {
    folder: PathBuf,
    ballast: PathBuf,
    refuges: Vec<PathBuf>,
    files: BTreeMap<u32, File>,
    /// The segment that a thread fills with zeros, ahead of the journal.
    filling: Option<(u32, JoinHandle<io::Result<()>>)>,
    /// Writes a checkpoint.
    keeping: Option<JoinHandle<()>>,
}

impl FileDisk {
    /// The segments in `folder`, which is there. `ballast` is a file that may be removed when room is
    /// short.
    pub fn new(folder: &Path, ballast: &Path) -> Self {
        let (folder, ballast) = (folder.to_owned(), ballast.to_owned());
        let refuges = refuges(&folder);
        Self { folder, ballast, refuges, files: BTreeMap::new(), filling: None, keeping: None }
    }

    /// Makes the ballast if it is not there. Not having it is no reason to stop.
    pub fn lay_ballast(&self) {
        if fs::metadata(&self.ballast).is_ok_and(|found| found.len() >= BALLAST) {
            return;
        }
        if let Ok(file) =
            OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&self.ballast)
            && rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, BALLAST).is_err()
        {
            drop_ballast(&self.ballast);
        }
    }

    /// Waits until the zeros of `segment` are on disk.
    fn finish_filling(&mut self, segment: u32) -> io::Result<()> {
        match self.filling.take() {
            Some((number, thread)) if number == segment => {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("filling a segment panicked")))
            }
            other => {
                self.filling = other;
                Ok(())
            }
        }
    }

    fn file(&mut self, segment: u32) -> io::Result<&File> {
        if !self.files.contains_key(&segment) {
            let file = OpenOptions::new().read(true).write(true).open(self.place(segment))?;
            // The journal moves on and never comes back: one file and its successor are enough.
            self.files.retain(|open, _| open + 1 >= segment);
            self.files.insert(segment, file);
        }
        Ok(&self.files[&segment])
    }

    fn reserve(path: &Path, octets: u64) -> io::Result<File> {
        // A crash may have left the name with less than its room.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, octets) {
            Ok(()) => Ok(file),
            // Zeros reserve the room as well, only later.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                file.set_len(octets)?;
                fill(&file, octets)?;
                Ok(file)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Disk for FileDisk {
    fn segments(&self) -> io::Result<Vec<(u32, u64)>> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".wal")).and_then(|name| name.parse().ok());
            if let Some(number) = number {
                segments.push((number, entry.metadata()?.len()));
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }

    fn allocate(&mut self, segment: u32, octets: u64) -> io::Result<()> {
        if let Some((filled, _)) = self.filling {
            self.finish_filling(filled)?;
        }
        let path = self.place(segment);
        let file = match Self::reserve(&path, octets) {
            Ok(file) => file,
            Err(error) => {
                if is_full(&error) {
                    let _ = fs::remove_file(&path);
                    drop_ballast(&self.ballast);
                }
                return Err(error);
            }
        };
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        let copy = file.try_clone()?;
        self.files.insert(segment, file);
        // Overwriting zeros needs no change of the file's map, so that each later sync is only data.
        let filler =
            std::thread::Builder::new().name("journal-fill".to_owned()).spawn(move || fill(&copy, octets))?;
        self.filling = Some((segment, filler));
        Ok(())
    }

    fn read_at(&self, segment: u32, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let opened;
        let file = if let Some(file) = self.files.get(&segment) {
            file
        } else {
            opened = File::open(self.place(segment))?;
            &opened
        };
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&mut self, segment: u32, offset: u64, octets: &[u8]) -> io::Result<()> {
        self.finish_filling(segment)?;
        self.file(segment)?.write_all_at(octets, offset)
    }

    fn sync(&mut self, segment: u32) -> io::Result<()> {
        self.file(segment)?.sync_data()
    }

    fn keep(&mut self, make: Box<dyn FnOnce() -> Vec<u8> + Send>) {
        if let Some(before) = self.keeping.take() {
            if !before.is_finished() {
                // The disk is slow; a later one tells more.
                self.keeping = Some(before);
                return;
            }
            // It has nothing to say: without a checkpoint a start reads more, and that is all.
            let _ = before.join();
        }
        let path = self.folder.join(CHECKPOINT);
        let keep = move || {
            if replace_file(&path, &make()).is_err() {
                let _ = fs::remove_file(path.with_extension("new"));
            }
        };
        self.keeping = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(keep).ok();
    }

    fn kept(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join(CHECKPOINT)) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_aside(&mut self, octets: &[u8]) -> io::Result<PathBuf> {
        let mut taken = Err(io::Error::other("there is no other place"));
        // Every place that takes it: which of them can be read later is not known.
        for refuge in &self.refuges {
            let kept = make_parent(refuge).and_then(|()| {
                replace_file(refuge, octets).map_err(|error| io::Error::other(error.to_string()))
            });
            if taken.is_err() {
                taken = kept.map(|()| refuge.clone());
            }
        }
        taken
    }

    fn aside(&self) -> Vec<Vec<u8>> {
        self.refuges.iter().filter_map(|refuge| fs::read(refuge).ok()).collect()
    }

    fn clear_aside(&mut self, spent: Spent) -> io::Result<()> {
        for refuge in self.refuges.iter().filter(|refuge| refuge.exists()) {
            match spent {
                Spent::TakenIn => fs::remove_file(refuge)?,
                Spent::TooLate => fs::rename(refuge, refuge.with_extension("late"))?,
            }
            let folder = refuge.parent().expect("a refuge lies in a folder");
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn available(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn place(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:08}.wal"))
    }
}

impl Drop for FileDisk {
    fn drop(&mut self) {
        if let Some((_, filler)) = self.filling.take() {
            // Its failure is nobody's any more: the next process sees what is there.
            let _ = filler.join();
        }
        if let Some(keeper) = self.keeping.take() {
            let _ = keeper.join();
        }
    }
}

/// Where records go that the segments in `folder` cannot take: beside the folder, and where the user's programs
/// keep their state (XDG Base Directory Specification), which may be another disk.
fn refuges(folder: &Path) -> Vec<PathBuf> {
    let state = folder.parent().unwrap_or(folder);
    let whole = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    let name = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    let home = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    let elsewhere = home.filter(|home| home.is_absolute());
    let elsewhere = elsewhere.map(|home| home.join("mailrun").join(format!("{}.aside", &name[..16])));
    [Some(state.join("journal.aside")), elsewhere].into_iter().flatten().collect()
}

fn make_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().expect("a refuge lies in a folder");
    DirBuilder::new().mode(0o700).recursive(true).create(parent)
}

fn drop_ballast(path: &Path) {
    // Not there is as good as removed, and nothing else can be done here.
    let _ = fs::remove_file(path);
}

fn fill(file: &File, octets: u64) -> io::Result<()> {
    let zeros = vec![0; FILL_STEP];
    let mut offset = 0;
    while offset < octets {
        let step = (octets - offset).min(FILL_STEP as u64);
        let zeros = &zeros[..usize::try_from(step).expect("at most 1 MiB")];
        file.write_all_at(zeros, offset)?;
        offset += step;
        // Small syncs, as a long one would hold up those of the journal.
        file.sync_data()?;
    }
    Ok(())
}
