//! A disk that fills up under `.mailrun`, or can no longer be written to.
//!
//! On a file system of our own in memory, so that it is full when we say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::stage::{Habit, Oracle, Peer, Workspace, fates};

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

/// Waits until the oracle has accepted so many.
fn wait_for(oracle: &Oracle, accepted: usize) {
    for _ in 0..3_000 {
        if oracle.accepted() >= accepted {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("only {} were accepted", oracle.accepted());
}

/// As many are accepted by the report as by the server, nobody twice.
fn agrees(workspace: &Workspace, oracle: &Oracle, state: &str) {
    let status = workspace.mailrun(&["status", "letter", "--json", "--state", state]).ends(0).json();
    assert_eq!(status["recipients"]["accepted"], oracle.accepted(), "{status}");
    assert_eq!(status["recipients"]["uncertain"], 0, "{status}");
    let report = workspace.mailrun(&["report", "letter", "--csv", "--state-dir", state]).ends(0);
    let accepted = fates(&report).iter().filter(|fate| fate.state == "accepted").count();
    assert_eq!(accepted, oracle.accepted());
    assert!(oracle.acceptances().values().all(|times| times.len() == 1), "nobody twice");
}

#[test]
#[ignore = "needs root, to mount a file system: tests/run runs it"]
fn a_disk_that_fills_up_during_a_run_costs_no_reply() {
    for (round, enough) in [1_500, 12_000].into_iter().enumerate() {
        let disk = SmallDisk::mount();
        let state = disk.state();
        let state = state.to_str().expect("a path in UTF-8");
        let folder = TempDir::with_prefix("mailrun-log-").expect("a folder for the log");
        let oracle = Oracle::start(folder.path().join("taken"), &["--latency", "5ms"]);
        let workspace = Workspace::letter_to(oracle.port, 20_000);
        workspace.relay(oracle.port, "[state]\nmin_free = \"1MiB\"");
        workspace.edit("campaigns/relays.toml", "sessions = 1", "sessions = 8");
        let run = workspace.start(&["send", "letter", "--yes", "--state", state]);
        wait_for(&oracle, enough);
        disk.fill(64 << 10);
        let ended = run.wait().ends(15).says(state).says("MiB");
        assert!(ended.stderr.contains("hint:"), "{ended}");
        assert!(oracle.accepted() < 20_000, "round {round}: it stopped");
        agrees(&workspace, &oracle, state);
        workspace.mailrun(&["resume", "letter", "--state", state]).ends(15).says(state);
        agrees(&workspace, &oracle, state);

        disk.empty();
        workspace.mailrun(&["resume", "letter", "--state", state]).ends(0);
        agrees(&workspace, &oracle, state);
        assert_eq!(oracle.accepted(), 20_000);
    }
}

#[test]
#[ignore = "needs root, to mount a file system: tests/run runs it"]
fn where_only_the_index_finds_no_room_the_run_goes_on_without_it() {
    let disk = SmallDisk::mount();
    disk.fill(300 << 10);
    let folder = TempDir::with_prefix("mailrun-log-").expect("a folder for the log");
    let oracle = Oracle::start(folder.path().join("taken"), &[]);
    let workspace = Workspace::letter_to(oracle.port, 5_000);
    workspace.mailrun(&["send", "letter", "--yes", "--limit", "10"]).ends(4);
    fs::remove_dir_all(workspace.path(".mailrun/index")).expect("an index");
    std::os::unix::fs::symlink(disk.folder.path(), workspace.path(".mailrun/index")).expect("a link");
    workspace.mailrun(&["resume", "letter"]).ends(0).says("index");
    agrees(&workspace, &oracle, ".mailrun");
    assert_eq!(oracle.accepted(), 5_000);
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
