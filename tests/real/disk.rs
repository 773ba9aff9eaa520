//! A disk that fills up under `.mailrun`, or can no longer be written to.
//!
//! On a file system of our own in memory, so that it is full when we say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::stage::{Habit, Peer, Workspace};

/// Enough for the journal's first segments, not for the next one.
const SIZE: &str = "24m";

/// A file system in memory; taken away when dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount() -> Self {
        let folder = TempDir::with_prefix("mailrun-disk-").expect("a folder to mount on");
        run("mount", &["-t", "tmpfs", "-o", &format!("size={SIZE},mode=700"), "mailrun"], folder.path());
        Self { folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Leaves `free` octets.
    fn fill(&self, free: u64) {
        let ballast = self.folder.path().join("ballast");
        let file = fs::File::create(&ballast).expect("a file on the disk");
        let left = rustix::fs::statvfs(self.folder.path()).expect("a mounted disk");
        let length = (left.f_bavail * left.f_frsize).saturating_sub(free);
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length)
            .expect("room for the ballast");
    }

    fn protect(&self) {
        run("mount", &["-o", "remount,ro"], self.folder.path());
    }

    fn empty(&self) {
        fs::remove_file(self.folder.path().join("ballast")).expect("the ballast lies there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as an engine that is being killed may still look at it.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn run(command: &str, arguments: &[&str], folder: &Path) {
    let status = Command::new(command).args(arguments).arg(folder).status();
    let status = status.unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(status.success(), "{command}: {status}");
}

#[test]
#[ignore = "needs root, to mount a file system: tests/run runs it"]
fn on_a_full_disk_nothing_is_begun_and_nothing_lost() {
    let disk = SmallDisk::mount();
    let state = disk.state();
    let state = state.to_str().expect("a path in UTF-8");
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 20);
    workspace.relay(peer.port, "[state]\nmin_free = \"1MiB\"");
    workspace.mailrun(&["send", "letter", "--yes", "--limit", "5", "--state", state]).ends(4);
    assert_eq!(peer.recipients().len(), 5);

    disk.fill(0);
    workspace.mailrun(&["resume", "letter", "--state", state]).ends(15).says(state);
    assert_eq!(peer.recipients().len(), 5, "no mail starts without the room for its outcome");
    let status = workspace.mailrun(&["status", "letter", "--json", "--state", state]).ends(0).json();
    assert_eq!(status["recipients"]["accepted"], 5, "status works on a full disk");

    disk.empty();
    workspace.mailrun(&["resume", "letter", "--state", state]).ends(0);
    let mut recipients = peer.recipients();
    recipients.dedup();
    assert_eq!((recipients.len(), peer.recipients().len()), (20, 20), "everybody once");
}

#[test]
#[ignore = "needs root, to mount a file system: tests/run runs it"]
fn on_a_disk_that_cannot_be_written_nothing_is_sent() {
    let disk = SmallDisk::mount();
    let state = disk.state();
    let state = state.to_str().expect("a path in UTF-8");
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.relay(peer.port, "[state]\nmin_free = \"1MiB\"");
    workspace.mailrun(&["send", "letter", "--yes", "--limit", "1", "--state", state]).ends(4);

    disk.protect();
    workspace.mailrun(&["resume", "letter", "--state", state]).ends(15).says(state).says("read-only");
    assert_eq!(peer.recipients().len(), 1);
    let status = workspace.mailrun(&["status", "letter", "--json", "--state", state]).ends(0).json();
    assert_eq!(status["recipients"]["accepted"], 1);
}
