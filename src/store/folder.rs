//! The state folder `.mailrun`: where it may lie, who may read it, and what lies in it.
//!
//! Plans and the index hold addresses, so nobody else on the machine may read them: folders are 0700 and
//! files 0600 whatever the umask, and a state folder open to others is refused, not mended, as somebody
//! may have looked already.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::note::Note;

/// File systems on which locks and syncs mean too little: `f_type` of statfs(2), and a name.
const NETWORKS: [(u32, &str); 9] = [
    (0x0000_6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0000_517b, "SMB"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0000_564c, "NCP"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9P"),
];
/// File systems that may not outlive a restart.
const FLEETING: [(u32, &str); 2] = [(0x0102_1994, "tmpfs"), (0x794c_7630, "an overlay of a container")];

/// The paths within a state folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The state folder at `root`, made if it is not there.
    ///
    /// # Errors
    /// It is open to others, lies on a network file system, or cannot be made.
    pub(super) fn prepare(root: &Path) -> Result<(Self, Vec<Note>), StoreError> {
        if root.exists() {
            check_modes(root)?;
        } else {
            make_folder(root)?;
        }
        let notes = check_file_system(root)?;
        let folder = Self { root: root.to_owned() };
        for inner in [folder.journal(), folder.plans()] {
            if !inner.exists() {
                make_folder(&inner)?;
            }
        }
        Ok((folder, notes))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(super) fn plans(&self) -> PathBuf {
        self.root.join("plans")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    pub(super) fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }
}

/// Refuses a state folder that others may enter.
///
/// # Errors
/// It is open to others, or no folder.
pub(super) fn check_modes(root: &Path) -> Result<(), StoreError> {
    let found = fs::metadata(root).map_err(|error| StoreError::io("look at", root, error))?;
    if !found.is_dir() {
        return Err(StoreError::io("use", root, io::ErrorKind::NotADirectory.into()));
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Exposed { path: root.to_owned(), mode });
    }
    Ok(())
}

/// Refuses a file system on which locks and syncs mean too little.
///
/// # Errors
/// It is one, or cannot be looked at.
pub(super) fn check_file_system(root: &Path) -> Result<Vec<Note>, StoreError> {
    let found = rustix::fs::statfs(root).map_err(|error| StoreError::io("look at", root, error.into()))?;
    // The kernel's word is as wide as the machine; the magic numbers have 32 bits.
    let magic = u32::try_from(found.f_type & 0xffff_ffff).unwrap_or_default();
    if let Some((_, kind)) = NETWORKS.iter().find(|(network, _)| *network == magic) {
        return Err(StoreError::Network { path: root.to_owned(), kind });
    }
    let fleeting = FLEETING.iter().find(|(fleeting, _)| *fleeting == magic);
    Ok(fleeting.map(|(_, kind)| Note::Fleeting { kind }).into_iter().collect())
}

/// Makes a folder that only its owner may enter, durably.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("make", path, error);
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    // A umask can only take bits away, and the owner's are needed.
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed)?;
    sync_parent(path)
}

/// Makes the name of `path` durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let synced = File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(|error| StoreError::io("sync", parent, error))
}

/// Makes a new file that only its owner may read.
///
/// # Errors
/// It is there already, or cannot be made.
pub(super) fn new_file(path: &Path) -> Result<File, StoreError> {
    let made = OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(path);
    let file = made.map_err(|error| StoreError::io("make", path, error))?;
    let private = file.set_permissions(Permissions::from_mode(0o600));
    private.map_err(|error| StoreError::io("make", path, error))?;
    Ok(file)
}

/// Puts `octets` in place of the file at `path`: all of them or none, durably.
pub(super) fn replace_file(path: &Path, octets: &[u8]) -> Result<(), StoreError> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io("replace", &fresh, error)),
    }
    let mut file = new_file(&fresh)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    written.map_err(|error| StoreError::io("write", &fresh, error))?;
    fs::rename(&fresh, path).map_err(|error| StoreError::io("replace", path, error))?;
    sync_parent(path)
}
