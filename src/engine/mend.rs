//! Writes a list anew without the rows that are no good (`check --fix-csv`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::campaign::{Encoding, Mending};

use super::desk::Desk;
use super::error::EngineError;

/// A list that was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Rows that were kept, the header not counted.
    pub kept: u64,
    /// Rows that were left out.
    pub left_out: u64,
    /// The encoding of the list it was made from, where it was not UTF-8.
    pub from: Option<&'static str>,
}

impl Desk {
    /// Whether `path` is the list of the campaign itself, under whatever name.
    pub fn is_list(&self, path: &Path) -> bool {
        let same = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
        same(path).is_some_and(|found| same(&self.list_path()) == Some(found))
    }

    /// Writes the campaign's list to `out` without the rows of these numbers, which rise. All of it is there
    /// at once or not at all, in place of what was there.
    ///
    /// # Errors
    /// The list cannot be read, or `out` not be written.
    pub fn mend(&self, bad: &[u32], out: &Path) -> Result<Mended, EngineError> {
        let failed = |source| EngineError::Io { path: out.to_owned(), source };
        let name = out.file_name().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
        let fresh = out.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        let mended = self.mend_to(bad, &fresh).and_then(|mended| {
            fs::rename(&fresh, out).map_err(failed)?;
            Ok(mended)
        });
        if mended.is_err() {
            // What went wrong is told; a file that was never made is no news.
            let _ = fs::remove_file(&fresh);
        }
        mended
    }

    fn mend_to(&self, bad: &[u32], fresh: &Path) -> Result<Mended, EngineError> {
        let failed = |source| EngineError::Io { path: fresh.to_owned(), source };
        let mut list = Mending::open(&self.workspace, &self.campaign)?;
        let file = self.like_the_list(fresh).map_err(failed)?;
        let mut file = BufWriter::new(file);
        let from = (list.encoding() != Encoding::UTF_8).then(|| list.encoding().name());
        let mut mended = Mended { kept: 0, left_out: 0, from };
        file.write_all(list.mark()).map_err(failed)?;
        while let Some((row, text)) = list.next()? {
            if bad.binary_search(&row).is_ok() {
                mended.left_out += 1;
                continue;
            }
            mended.kept += u64::from(row > 1);
            file.write_all(text).map_err(failed)?;
        }
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(mended)
    }

    /// A new file that those may read who may read the list.
    fn like_the_list(&self, path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.set_permissions(fs::metadata(self.list_path())?.permissions())?;
        Ok(file)
    }
}
