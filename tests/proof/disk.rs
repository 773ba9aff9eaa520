//! A disk whose power can be cut: a file system in a file, which is copied in an instant.
//!
//! The file of the disk lies on an XFS of its own, in memory. There a file is cloned as it is at one moment, all
//! blocks at once, whatever is being written meanwhile. What the file system of the disk had not written out then
//! is not in the clone, as it would not be on the disk after a power cut. Mounted, the clone shows what a machine
//! finds when it starts again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The file system under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ext4,
    Xfs,
}

impl FileSystem {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// Octets of the disk. mkfs.xfs makes nothing smaller than 300 MiB.
    fn size(self) -> u64 {
        match self {
            Self::Ext4 => 96 << 20,
            Self::Xfs => 320 << 20,
        }
    }

    fn format(self, image: &Path) {
        match self {
            Self::Ext4 => run("mkfs.ext4", &["-q", "-F"], &[image]),
            Self::Xfs => run("mkfs.xfs", &["-q"], &[image]),
        }
    }
}

/// Octets of the file system that images lie on: several images, and what a clone does not share.
const SHELF: u64 = 2 << 30;

/// Something that is mounted; taken away when dropped, with the loop device that `mount` chose for it.
#[derive(Debug)]
struct Mounted {
    place: PathBuf,
}

impl Mounted {
    fn image(image: &Path, place: &Path) -> Self {
        run("mount", &["-o", "loop"], &[image, place]);
        Self { place: place.to_owned() }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmount = |arguments: &[&str]| {
            let status = Command::new("umount").args(arguments).arg(&self.place).status();
            status.is_ok_and(|status| status.success())
        };
        // A process that is being ended may still look at it: then it goes when that has gone.
        if !unmount(&["-q"]) {
            unmount(&["-l"]);
        }
    }
}

/// A disk, in use.
#[derive(Debug)]
pub(crate) struct PowerDisk {
    // Dropped in this order: what is mounted in another goes first.
    mounted: Option<Mounted>,
    _shelf: Mounted,
    _memory: Mounted,
    folder: TempDir,
    image: u32,
}

impl PowerDisk {
    /// An empty one.
    pub(crate) fn new(file_system: FileSystem) -> Self {
        let folder = TempDir::with_prefix("mailrun-power-").expect("a folder to mount on");
        let at = |name: &str| folder.path().join(name);
        for name in ["memory", "shelf", "disk"] {
            fs::create_dir(at(name)).expect("a new folder");
        }
        run("mount", &["-t", "tmpfs", "-o", "size=3g,mode=700", "mailrun"], &[&at("memory")]);
        let memory = Mounted { place: at("memory") };
        let shelf = at("memory").join("shelf.img");
        make_file(&shelf, SHELF);
        run("mkfs.xfs", &["-q", "-m", "reflink=1"], &[&shelf]);
        let shelf = Mounted::image(&shelf, &at("shelf"));
        let mut disk = Self { mounted: None, _shelf: shelf, _memory: memory, folder, image: 0 };
        make_file(&disk.image(), file_system.size());
        file_system.format(&disk.image());
        disk.mount();
        disk
    }

    /// Where the disk is mounted.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Cuts the power: what the disk holds at this moment is all there will be. `stop` ends whoever still works
    /// on the old one.
    pub(crate) fn cut(&mut self, stop: impl FnOnce()) {
        let before = self.image();
        self.image += 1;
        let (from, to) = (File::open(&before), File::create_new(self.image()));
        let (from, to) = (from.expect("the image of a disk"), to.expect("room for another"));
        rustix::fs::ioctl_ficlone(&to, &from).expect("XFS can clone a file");
        stop();
        self.mounted = None;
        fs::remove_file(before).expect("an image that was mounted");
        self.mount();
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("shelf").join(format!("{}.img", self.image))
    }

    fn mount(&mut self) {
        self.mounted = Some(Mounted::image(&self.image(), &self.folder()));
    }
}

fn make_file(path: &Path, octets: u64) {
    File::create_new(path).and_then(|file| file.set_len(octets)).expect("room for a sparse file");
}

fn run(command: &str, arguments: &[&str], paths: &[&Path]) {
    let status = Command::new(command).args(arguments).args(paths).status();
    let status = status.unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(status.success(), "{command} {arguments:?}: {status}");
}
