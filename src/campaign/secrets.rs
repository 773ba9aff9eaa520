//! Where passwords come from.
//!
//! A setting names a place, never the secret itself: a command, a file that only its owner can read, or a
//! variable of the environment. The secret is fetched when a relay is about to log in and lives as a
//! [`SecretString`], which shows nothing and is wiped when dropped.

use std::env::{self, VarError};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::fs::{CWD, Mode, OFlags};
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use thiserror::Error;

/// Octets of a secret: far more than any password or token has.
const SECRET_LIMIT: u64 = 64 << 10;

/// Where a password is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment; others on the machine may see it in `/proc`.
    Env(String),
    /// A file that belongs to us and that nobody else may read.
    File(PathBuf),
    /// A program and its arguments, run without a shell; its first line of output is the secret.
    Command(Vec<String>),
}

/// Why a secret is not to be had. Never holds any part of it.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The environment has no such variable, or it is empty.
    #[error("${0} is not set")]
    NotSet(String),
    /// The variable holds octets that are no text.
    #[error("${0} is not UTF-8 text")]
    NotText(String),
    /// The file cannot be opened; a symbolic link never can.
    #[error("{} cannot be opened", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read or change the file, or it is not ours.
    #[error("{}: {what}", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The program cannot be started.
    #[error("`{program}` cannot be run")]
    Command {
        /// Which program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program says that it failed.
    #[error("`{program}` failed: {status}")]
    Failed {
        /// Which program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The file or the program's output is empty, over 64 KiB, or no text.
    #[error("{source_name} gives {what}")]
    Unusable {
        /// Which file or program.
        source_name: String,
        /// What it gives instead of a secret.
        what: &'static str,
    },
}

impl SecretSource {
    /// Fetches the secret; file names are relative to `root`. May wait for a program, so it is not to be
    /// called where nothing may wait.
    ///
    /// # Errors
    /// Why it is not to be had; see [`SecretError`].
    pub fn reveal(&self, root: &Path) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => match env::var(name) {
                Ok(secret) if !secret.is_empty() => Ok(secret.into()),
                Ok(_) | Err(VarError::NotPresent) => Err(SecretError::NotSet(name.clone())),
                Err(VarError::NotUnicode(_)) => Err(SecretError::NotText(name.clone())),
            },
            Self::File(path) => read_file(&root.join(path)),
            Self::Command(words) => run(words, root),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(formatter, "${name}"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Command(words) => write!(formatter, "`{}`", words.join(" ")),
        }
    }
}

fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    first_line(open_guarded(path)?, &path.display().to_string())
}

/// The whole text of a file that is as secret as a password: a key.
///
/// # Errors
/// As [`SecretSource::reveal`].
pub(super) fn read_text(path: &Path) -> Result<SecretString, SecretError> {
    let take_all = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned()).ok_or("nothing");
    from_reader(open_guarded(path)?, &path.display().to_string(), take_all)
}

/// Opens a file that only its owner can read and change, by what the system says of the open file itself.
fn open_guarded(path: &Path) -> Result<std::fs::File, SecretError> {
    let unopened = |source: io::Error| SecretError::File { path: path.to_owned(), source };
    let exposed = |what| SecretError::Exposed { path: path.to_owned(), what };
    let folder =
        rustix::fs::stat(path.parent().unwrap_or(Path::new("/"))).map_err(|error| unopened(error.into()))?;
    // Whoever may write to the folder may put another file in this one's place; not so where it is sticky.
    if folder.st_mode & 0o002 != 0 && folder.st_mode & 0o1000 == 0 {
        return Err(exposed("everybody may write to the folder it lies in"));
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| unopened(error.into()))?;
    let stat = rustix::fs::fstat(&file).map_err(|error| unopened(error.into()))?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
        return Err(exposed("it is not a regular file"));
    }
    let me = rustix::process::geteuid().as_raw();
    // systemd hands out credentials that belong to root and that only we may read.
    if stat.st_uid != me && stat.st_uid != 0 {
        return Err(exposed("it belongs to somebody else"));
    }
    if stat.st_mode & 0o077 != 0 {
        return Err(exposed("others than its owner may read it; run chmod 600 on it"));
    }
    Ok(std::fs::File::from(file))
}

fn run(words: &[String], root: &Path) -> Result<SecretString, SecretError> {
    let (program, arguments) = words.split_first().ok_or_else(|| SecretError::Unusable {
        source_name: "a command without a program".to_owned(),
        what: "nothing",
    })?;
    let failed = |source| SecretError::Command { program: program.clone(), source };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let output = child.stdout.take().expect("its output was asked for");
    // Its output ends here, also where it is too long: the program then sees a closed pipe.
    let secret = first_line(output, &format!("`{program}`"));
    let status = child.wait().map_err(failed)?;
    if status.success() || matches!(secret, Err(SecretError::Unusable { what: TOO_LONG, .. })) {
        secret
    } else {
        Err(SecretError::Failed { program: program.clone(), status })
    }
}

const TOO_LONG: &str = "more than 64 KiB";

/// The first line of what `reader` gives.
fn first_line(reader: impl Read, source_name: &str) -> Result<SecretString, SecretError> {
    from_reader(reader, source_name, |text| match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        Some(_) | None => Err("nothing in its first line"),
    })
}

/// What `take` makes of the text that `reader` gives, or says it gives instead.
fn from_reader(
    reader: impl Read,
    source_name: &str,
    take: impl FnOnce(&str) -> Result<String, &'static str>,
) -> Result<SecretString, SecretError> {
    let unusable = |what| SecretError::Unusable { source_name: source_name.to_owned(), what };
    let mut octets = Vec::with_capacity(4096);
    let read = reader.take(SECRET_LIMIT + 1).read_to_end(&mut octets);
    let secret = match std::str::from_utf8(&octets) {
        _ if read.is_err() => Err(unusable("a read error")),
        _ if octets.len() as u64 > SECRET_LIMIT => Err(unusable(TOO_LONG)),
        Ok(text) => take(text).map(SecretString::from).map_err(unusable),
        Err(_) => Err(unusable("octets that are no text")),
    };
    octets.zeroize();
    secret
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use secrecy::ExposeSecret;

    use super::*;

    fn secret_file(folder: &Path, name: &str, mode: u32) -> SecretSource {
        let path = folder.join(name);
        fs::write(&path, "canary\nsecond line\n").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        SecretSource::File(name.into())
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let secret = secret_file(root, "good", 0o600).reveal(root).expect("a secret");
        assert_eq!(secret.expose_secret(), "canary");
        for mode in [0o644, 0o640, 0o606, 0o777] {
            let error = secret_file(root, "open", mode).reveal(root).expect_err("exposed");
            assert!(matches!(error, SecretError::Exposed { .. }), "{mode:o}: {error}");
        }
        symlink("good", root.join("link")).expect("a link");
        let error = SecretSource::File("link".into()).reveal(root).expect_err("a link");
        assert!(matches!(error, SecretError::File { .. }), "{error}");
        fs::set_permissions(root, fs::Permissions::from_mode(0o777)).expect("a mode");
        let error = SecretSource::File("good".into()).reveal(root).expect_err("an open folder");
        assert!(matches!(error, SecretError::Exposed { .. }), "{error}");
    }

    #[test]
    fn a_command_gives_its_first_line() {
        let command =
            |words: &[&str]| SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect());
        let root = Path::new("/");
        let secret = command(&["printf", "canary\nmore"]).reveal(root).expect("a secret");
        assert_eq!(secret.expose_secret(), "canary");
        assert!(!format!("{secret:?}").contains("canary"));
        assert!(matches!(command(&["false"]).reveal(root), Err(SecretError::Failed { .. })));
        assert!(matches!(command(&["true"]).reveal(root), Err(SecretError::Unusable { .. })));
        assert!(matches!(command(&["/no/such/program"]).reveal(root), Err(SecretError::Command { .. })));
        assert!(matches!(command(&[]).reveal(root), Err(SecretError::Unusable { .. })));
        let endless = command(&["yes", "canary canary"]).reveal(root).expect_err("too long");
        assert!(
            matches!(endless, SecretError::Unusable { what: TOO_LONG, .. })
                && !endless.to_string().contains("canary")
        );
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let source = SecretSource::Env("MAILRUN_NO_SUCH_VARIABLE".into());
        let error = source.reveal(Path::new("/")).expect_err("not set");
        assert_eq!(error.to_string(), "$MAILRUN_NO_SUCH_VARIABLE is not set");
    }
}
