//! Reading the operator's files beneath the workspace's root, and nowhere else.
//!
//! A template, partial or setting is a regular file of bounded size that lies in the workspace, also after
//! every symbolic link on the way to it has been followed. The kernel keeps that promise
//! (`openat2` with `RESOLVE_BENEATH`), so no check can be overtaken by a swap. The list itself may lie
//! elsewhere and is opened by [`open_regular`].

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use thiserror::Error;

use super::workspace::Workspace;

/// Octets of a template, partial or settings file. Mail programs clip at 102 kB, so this is ample.
pub(super) const FILE_LIMIT: u64 = 4 << 20;

/// Why a file is not read. Fits after "could not read `x`: ".
#[derive(Debug, Error)]
pub enum FileError {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// Its path leads upwards, or through a symbolic link, where neither may be.
    #[error("its path leads out of its folder, or through a symbolic link")]
    Astray,
    /// It lies outside the workspace, itself or through a link.
    #[error("it lies outside the workspace")]
    Outside,
    /// A folder, pipe, device or socket.
    #[error("it is not a regular file")]
    NotRegular,
    /// More octets than are read.
    #[error("it is larger than {limit} octets")]
    TooLarge {
        /// Octets allowed.
        limit: u64,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8 text: octet {octet} (counted from 1)")]
    NotText {
        /// The first octet that is wrong, from 1.
        octet: usize,
    },
    /// The system refused.
    #[error("the system refused")]
    System(#[source] io::Error),
}

impl FileError {
    /// What went wrong, with its cause, in words that fit after the name of the file.
    pub fn told(&self) -> String {
        match self {
            Self::System(cause) => cause.to_string().to_lowercase(),
            Self::Missing
            | Self::Outside
            | Self::Astray
            | Self::NotRegular
            | Self::TooLarge { .. }
            | Self::NotText { .. } => self.to_string(),
        }
    }
}

/// The files of one workspace.
#[derive(Debug)]
pub struct Files {
    folder: OwnedFd,
    root: PathBuf,
}

impl Files {
    /// Opens the workspace's root.
    ///
    /// # Errors
    /// [`FileError::System`] if the folder cannot be opened.
    pub fn open(workspace: &Workspace) -> Result<Self, FileError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, workspace.root(), flags, Mode::empty())
            .map_err(|error| FileError::System(error.into()))?;
        Ok(Self { folder, root: workspace.root().to_owned() })
    }

    /// The octets of the file at `path`, relative to the root; at most `limit` of them.
    ///
    /// # Errors
    /// Why it is not read; see [`FileError`].
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        take_all(self.open_beneath(path)?, limit)
    }

    /// The octets of a file that goes with mail: the one at `path` beneath the `folder`, which is relative to the
    /// root; at most `limit` of them. A path that comes from a list leads nowhere else: neither upwards nor
    /// through any link.
    ///
    /// # Errors
    /// Why it is not read; see [`FileError`].
    pub fn enclosed(&self, folder: &str, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if !path.split('/').all(is_name) {
            return Err(FileError::Astray);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = self.root.join(folder);
        let opened = rustix::fs::openat(CWD, &folder, flags, Mode::empty())
            .map_err(|error| FileError::System(error.into()))?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&opened, path, flags, Mode::empty(), resolve) {
            Ok(file) => File::from(file),
            // Kernels before 5.6 and some containers.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => open_without_links(&folder, path)?,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Err(FileError::Missing),
            Err(rustix::io::Errno::XDEV | rustix::io::Errno::LOOP) => return Err(FileError::Astray),
            Err(error) => return Err(FileError::System(error.into())),
        };
        take_all(file, limit)
    }

    /// The text of the file at `path`, relative to the root, without a byte order mark.
    ///
    /// # Errors
    /// As [`Files::read`], and [`FileError::NotText`].
    pub fn text(&self, path: &str) -> Result<String, FileError> {
        let text = String::from_utf8(self.read(path, FILE_LIMIT)?)
            .map_err(|error| FileError::NotText { octet: error.utf8_error().valid_up_to() + 1 })?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// The names of the entries of the folder at `path` that end with `ending`, without it, in
    /// alphabetical order; none if there is no such folder.
    ///
    /// # Errors
    /// [`FileError::System`] if the folder cannot be listed.
    pub fn names(&self, path: &str, ending: &str) -> Result<Vec<String>, FileError> {
        let entries = match fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::System(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(FileError::System)?.file_name();
            if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(ending))
                && !stem.is_empty()
            {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn open_beneath(&self, path: &str) -> Result<File, FileError> {
        // A pipe without a writer would hold us for ever without NONBLOCK.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.folder, path, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(File::from(file)),
            // Kernels before 5.6 and some containers.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => self.open_canonical(path),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Err(FileError::Missing),
            Err(rustix::io::Errno::XDEV) => Err(FileError::Outside),
            Err(error) => Err(FileError::System(error.into())),
        }
    }

    /// Where the kernel cannot keep the promise: follow every link first, then look where it led.
    fn open_canonical(&self, path: &str) -> Result<File, FileError> {
        let root = self.root.canonicalize().map_err(FileError::System)?;
        let target = root.join(path).canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::Missing,
            _ => FileError::System(error),
        })?;
        if !target.starts_with(&root) {
            return Err(FileError::Outside);
        }
        open_regular(&target)
    }
}

/// The octets of a regular file, at most `limit` of them.
fn take_all(file: File, limit: u64) -> Result<Vec<u8>, FileError> {
    let metadata = file.metadata().map_err(FileError::System)?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    let mut octets = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut octets).map_err(FileError::System)?;
    if octets.len() as u64 > limit {
        return Err(FileError::TooLarge { limit });
    }
    Ok(octets)
}

/// Where the kernel cannot keep the promise: a path through which no link leads is its own canonical form.
fn open_without_links(folder: &Path, path: &str) -> Result<File, FileError> {
    let folder = folder.canonicalize().map_err(FileError::System)?;
    let wanted = folder.join(path);
    match wanted.canonicalize() {
        Ok(found) if found == wanted => open_regular(&found),
        Ok(_) => Err(FileError::Astray),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::Missing,
            _ => FileError::System(error),
        }),
    }
}

/// The media type that the ending of a path speaks of; `application/octet-stream` where it says nothing, and
/// where the type could not travel in base64 (RFC 2046, 5.2.1: a message).
pub fn media_type(path: &str) -> String {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    match guess.type_().as_str() {
        "message" | "multipart" => "application/octet-stream".to_owned(),
        _ => guess.essence_str().to_owned(),
    }
}

/// Opens a regular file for reading, wherever it lies; the last part of the path may be a link.
///
/// # Errors
/// Why it is not opened; see [`FileError`].
pub(super) fn open_regular(path: &Path) -> Result<File, FileError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Err(FileError::Missing),
        Err(error) => return Err(FileError::System(error.into())),
    };
    if file.metadata().map_err(FileError::System)?.is_file() { Ok(file) } else { Err(FileError::NotRegular) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_the_root_is_read() {
        let outer = tempfile::tempdir().expect("a folder");
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("campaigns")).expect("a folder");
        fs::create_dir_all(root.join("templates")).expect("a folder");
        fs::write(outer.path().join("secret"), "outside").expect("a file");
        fs::write(root.join("templates/a"), "inside").expect("a file");
        symlink("a", root.join("templates/link")).expect("a link");
        symlink("../../secret", root.join("templates/out")).expect("a link");
        symlink("/etc/hostname", root.join("templates/absolute")).expect("a link");
        let workspace = Workspace::find(&root, None, None).expect("a workspace");
        let files = Files::open(&workspace).expect("the root");

        assert_eq!(files.text("templates/a").expect("inside"), "inside");
        assert_eq!(files.text("templates/link").expect("a link within"), "inside");
        assert_eq!(files.text("templates/../templates/a").expect("within"), "inside");
        for path in ["templates/out", "templates/absolute", "../secret", "/etc/hostname"] {
            assert!(matches!(files.text(path), Err(FileError::Outside)), "{path}");
            assert!(files.open_canonical(path).is_err(), "{path}");
        }
        assert!(matches!(files.text("templates/b"), Err(FileError::Missing)));
        assert!(matches!(files.text("templates"), Err(FileError::NotRegular)));
    }

    #[test]
    fn a_file_that_goes_with_mail_is_reached_by_names_alone() {
        let outer = tempfile::tempdir().expect("a folder");
        let root = outer.path();
        fs::create_dir_all(root.join("campaigns/a/files")).expect("a folder");
        fs::write(root.join("campaigns/a/files/7.pdf"), "seven").expect("a file");
        fs::write(root.join("campaigns/a/list.csv"), "list").expect("a file");
        symlink("7.pdf", root.join("campaigns/a/files/8.pdf")).expect("a link");
        symlink("files", root.join("campaigns/a/linked")).expect("a link");
        let workspace = Workspace::find(root, None, None).expect("a workspace");
        let files = Files::open(&workspace).expect("the root");
        let read = |path: &str| files.enclosed("campaigns/a", path, 100);

        assert_eq!(read("files/7.pdf").expect("within"), b"seven");
        for path in [
            "files/../list.csv",
            "../a/list.csv",
            "/etc/hostname",
            "files/8.pdf",
            "linked/7.pdf",
            "",
            "./x",
            "a\0b",
        ] {
            assert!(matches!(read(path), Err(FileError::Astray)), "{path}");
        }
        let folder = root.join("campaigns/a");
        assert!(open_without_links(&folder, "files/7.pdf").is_ok());
        for path in ["files/8.pdf", "linked/7.pdf"] {
            assert!(matches!(open_without_links(&folder, path), Err(FileError::Astray)), "{path}");
        }
        assert!(matches!(read("files/9.pdf"), Err(FileError::Missing)));
        assert!(matches!(read("files"), Err(FileError::NotRegular)));
        assert!(matches!(
            files.enclosed("campaigns/a", "files/7.pdf", 4),
            Err(FileError::TooLarge { limit: 4 })
        ));
    }

    #[test]
    fn the_ending_of_a_path_tells_its_type() {
        let table = [
            ("a.pdf", "application/pdf"),
            ("a.PNG", "image/png"),
            ("a.csv", "text/csv"),
            ("a.ics", "text/calendar"),
            ("a.eml", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ];
        for (path, kind) in table {
            assert_eq!(media_type(path), kind, "{path}");
        }
    }

    #[test]
    fn a_pipe_and_a_large_file_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("campaigns")).expect("a folder");
        rustix::fs::mknodat(
            CWD,
            folder.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a pipe");
        let sparse = File::create(folder.path().join("sparse")).expect("a file");
        sparse.set_len(1 << 40).expect("a sparse file");
        let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
        let files = Files::open(&workspace).expect("the root");
        assert!(matches!(files.text("pipe"), Err(FileError::NotRegular)));
        assert!(matches!(files.text("sparse"), Err(FileError::TooLarge { limit: FILE_LIMIT })));
        fs::write(folder.path().join("latin"), b"caf\xe9").expect("a file");
        assert!(matches!(files.text("latin"), Err(FileError::NotText { octet: 4 })));
    }
}
