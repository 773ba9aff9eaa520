//! The folder that holds campaigns, templates and state.
//!
//! A workspace is found once, at the start of a command; everything else takes it as an argument. It
//! names paths and never makes or changes a file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::mail::nearest;

use super::error::CampaignError;

/// The folder of the campaigns, by which a workspace is known.
const CAMPAIGNS: &str = "campaigns";
/// The folder of the state, unless another is named.
const STATE: &str = ".mailrun";

/// A folder with `campaigns/` in it, and where its state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
    state: PathBuf,
}

impl Workspace {
    /// The workspace at `root`, or else the first one met on the way up from `start`; its state in
    /// `state`, or else in `.mailrun` beneath it.
    ///
    /// # Errors
    /// [`CampaignError::NoWorkspace`] if no such folder has `campaigns` in it.
    pub fn find(start: &Path, root: Option<&Path>, state: Option<&Path>) -> Result<Self, CampaignError> {
        let start = root.unwrap_or(start);
        let absolute = std::path::absolute(start)
            .map_err(|source| CampaignError::Read { path: start.display().to_string(), source })?;
        let depth = if root.is_some() { 1 } else { usize::MAX };
        let root = absolute
            .ancestors()
            .take(depth)
            .find(|folder| folder.join(CAMPAIGNS).is_dir())
            .ok_or_else(|| CampaignError::NoWorkspace { start: start.to_owned() })?
            .to_owned();
        let state = state.map_or_else(|| root.join(STATE), Path::to_owned);
        Ok(Self { root, state })
    }

    /// The folder itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the state is kept; it need not exist.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Every campaign: the folders in `campaigns` with a `campaign.toml`, in alphabetical order.
    ///
    /// # Errors
    /// [`CampaignError::Read`] if the folder cannot be listed.
    pub fn campaign_names(&self) -> Result<Vec<String>, CampaignError> {
        let unreadable = |source| CampaignError::Read { path: CAMPAIGNS.to_owned(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(CAMPAIGNS)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.path().join("campaign.toml").is_file()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The folder of campaign `name`, relative to the root: `campaigns/autumn`.
    ///
    /// # Errors
    /// [`CampaignError::NoCampaign`] with the nearest name if there is none.
    pub fn campaign_folder(&self, name: &str) -> Result<String, CampaignError> {
        let known = self.campaign_names()?;
        if known.iter().any(|campaign| campaign == name) {
            return Ok(format!("{CAMPAIGNS}/{name}"));
        }
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Err(CampaignError::NoCampaign { name: name.to_owned(), nearest, known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace_with(campaigns: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in campaigns {
            let campaign = folder.path().join(CAMPAIGNS).join(name);
            fs::create_dir_all(&campaign).expect("a folder");
            fs::write(campaign.join("campaign.toml"), "").expect("a file");
        }
        folder
    }

    #[test]
    fn a_workspace_is_found_from_a_folder_within_it() {
        let folder = workspace_with(&["welcome"]);
        let within = folder.path().join(CAMPAIGNS).join("welcome");
        let workspace = Workspace::find(&within, None, None).expect("a workspace");
        assert_eq!(workspace.root(), folder.path());
        assert_eq!(workspace.state_dir(), folder.path().join(".mailrun"));
        let moved = Workspace::find(&within, None, Some(Path::new("/var/state"))).expect("a workspace");
        assert_eq!(moved.state_dir(), Path::new("/var/state"));
    }

    #[test]
    fn a_named_root_is_not_left_upwards() {
        let folder = workspace_with(&["welcome"]);
        let within = folder.path().join(CAMPAIGNS);
        let error = Workspace::find(folder.path(), Some(&within), None).expect_err("no campaigns in it");
        assert!(matches!(error, CampaignError::NoWorkspace { .. }));
    }

    #[test]
    fn a_misspelt_campaign_brings_the_nearest_name() {
        let folder = workspace_with(&["welcome", "autumn"]);
        let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
        assert_eq!(workspace.campaign_names().expect("names"), ["autumn", "welcome"]);
        let error = workspace.campaign_folder("welcom").expect_err("misspelt");
        let CampaignError::NoCampaign { nearest, known, .. } = error else { panic!("{error}") };
        assert_eq!((nearest.as_deref(), known.len()), (Some("welcome"), 2));
        assert!(workspace.campaign_folder("../campaigns/welcome").is_err());
    }
}
