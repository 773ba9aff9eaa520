//! The files of a new campaign, and of a new workspace around it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::cli::error::CliError;

/// What stands for the campaign's name in the files.
const PLACEHOLDER: &str = "CAMPAIGN";

/// Files of a campaign: where they lie, with the placeholder, and what is in them.
const CAMPAIGN: [(&str, &str); 5] = [
    ("campaigns/CAMPAIGN/campaign.toml", include_str!("files/campaign.toml")),
    ("campaigns/CAMPAIGN/recipients.csv", include_str!("files/recipients.csv")),
    ("templates/CAMPAIGN/subject.hbs", include_str!("files/subject.hbs")),
    ("templates/CAMPAIGN/body.txt.hbs", include_str!("files/body.txt.hbs")),
    ("templates/CAMPAIGN/body.html.hbs", include_str!("files/body.html.hbs")),
];

/// Files that all campaigns of a workspace share.
const WORKSPACE: [(&str, &str); 2] = [
    ("campaigns/relays.toml", include_str!("files/relays.toml")),
    (".gitignore", include_str!("files/gitignore")),
];

/// The name of a campaign that is to be made: 1 to 64 letters, digits, `-` and `_`, the first no `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// The name itself.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits =
            text.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
        if fits && (1..=64).contains(&text.len()) && !text.starts_with('-') && text != "partials" {
            Ok(Self(text.to_owned()))
        } else {
            Err("a name has letters, digits, `-` and `_` only".to_owned())
        }
    }
}

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Files that were made, relative to the workspace.
    pub(super) made: Vec<PathBuf>,
    /// Files that were there and stay as they are.
    pub(super) kept: Vec<PathBuf>,
}

/// Writes a campaign into the workspace at `root`, and the workspace's own files where they are missing.
///
/// # Errors
/// A campaign or template of that name is there, or a file cannot be written.
pub(super) fn write(root: &Path, name: &Name) -> Result<Written, CliError> {
    for folder in ["campaigns", "templates"] {
        let folder = Path::new(folder).join(name.as_str());
        if root.join(&folder).exists() {
            return Err(CliError::Usage {
                what: format!("{} is there already, and nothing is overwritten", folder.display()),
                hint: "choose another name: `mailrun init NAME`".to_owned(),
            });
        }
    }
    let mut written = Written { made: Vec::new(), kept: Vec::new() };
    for (path, text) in CAMPAIGN.into_iter().chain(WORKSPACE) {
        let path = PathBuf::from(path.replace(PLACEHOLDER, name.as_str()));
        let text = text.replace(PLACEHOLDER, name.as_str());
        if make(&root.join(&path), &text).map_err(|source| CliError::file("write", &path, source))? {
            written.made.push(path);
        } else {
            written.kept.push(path);
        }
    }
    Ok(written)
}

/// Makes a file that is not there yet; tells whether it did.
fn make(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    #[test]
    fn a_workspace_is_made_around_the_first_campaign() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = write(folder.path(), &name("autumn")).expect("written");
        assert_eq!((written.made.len(), written.kept.len()), (7, 0));
        let settings =
            fs::read_to_string(folder.path().join("campaigns/autumn/campaign.toml")).expect("there");
        assert!(settings.contains("template = \"autumn\"") && !settings.contains(PLACEHOLDER), "{settings}");
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("campaigns")).expect("made");
        fs::write(folder.path().join("campaigns/relays.toml"), "# mine\n").expect("written");
        let written = write(folder.path(), &name("autumn")).expect("written");
        assert_eq!(written.kept, [PathBuf::from("campaigns/relays.toml")]);
        let mine = fs::read_to_string(folder.path().join("campaigns/relays.toml")).expect("there");
        assert_eq!(mine, "# mine\n");
        assert!(matches!(write(folder.path(), &name("autumn")), Err(CliError::Usage { .. })));
    }

    #[test]
    fn a_name_is_no_path() {
        for text in ["", "-x", "../x", "a/b", "a b", "ü", "partials", ".hidden"] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }
}
