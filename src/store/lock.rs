//! The lock: one process at a time may send from a workspace.
//!
//! The kernel frees the lock when its holder ends, however it ends. The file names the holder by process id
//! and start time, so that whoever must not take the lock can still tell whether somebody holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// Held for as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

fn path(state: &Path) -> PathBuf {
    state.join("lock")
}

impl Lock {
    /// Takes the lock of the state folder.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder's process id; or the file cannot be made.
    pub(super) fn take(state: &Path) -> Result<Self, StoreError> {
        let path = path(state);
        let failed = |error| StoreError::io("lock", &path, error);
        let opened =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // An unreadable file names nobody; the lock itself is what counts.
                let _ = file.read_to_string(&mut text);
                let pid = locker(&file).or_else(|| read(&text).map(|(pid, _)| pid));
                return Err(StoreError::Locked { path, pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let pid = std::process::id();
        let text = format!("{pid} {}\n", started(pid).unwrap_or_default());
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The kernel frees the lock in any case; an old name in the file is told from a living one.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// The process that holds the lock of the state folder, if one does.
pub(super) fn holder(state: &Path) -> Option<u32> {
    let (pid, start) = read(&fs::read_to_string(path(state)).ok()?)?;
    (started(pid)? == start).then_some(pid)
}

/// Who holds the lock on `file`, as the kernel has it: whoever has just taken it may not have written its name yet.
/// None where `/proc` does not say, or calls the file system by another number.
fn locker(file: &File) -> Option<u32> {
    let found = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
    let wanted = format!("{major:02x}:{minor:02x}:{}", found.ino());
    // `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131081 0 EOF`, proc_locks(5); `->` before the kind is one who waits.
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut cells = line.split_whitespace().skip(1);
        let (kind, _advisory, _write, pid, place) =
            (cells.next()?, cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        (kind == "FLOCK" && place == wanted).then(|| pid.parse().ok()).flatten()
    })
}

fn read(text: &str) -> Option<(u32, u64)> {
    let (pid, start) = text.trim().split_once(' ')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

/// When a process started, in ticks since the machine booted: field 22 of `/proc/PID/stat`, proc(5).
fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in field 2 may hold anything, parentheses and spaces included.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_come_is_told_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()), None);
        let lock = Lock::take(folder.path()).unwrap();
        let me = std::process::id();
        assert_eq!(holder(folder.path()), Some(me));
        let refused = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Locked { pid: Some(pid), .. } if pid == me), "{refused}");
        fs::write(path(folder.path()), "").unwrap();
        let refused = Lock::take(folder.path()).unwrap_err();
        let named = matches!(refused, StoreError::Locked { pid: Some(pid), .. } if pid == me);
        assert!(named, "before the first has written its name: {refused}");
        drop(lock);
        assert_eq!(holder(folder.path()), None);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_name_left_by_the_dead_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path(folder.path()), format!("{} 1\n", std::process::id())).unwrap();
        assert_eq!(holder(folder.path()), None);
    }
}
