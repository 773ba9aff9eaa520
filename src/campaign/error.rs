//! What can go wrong with the operator's files.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::mail::Fault;

/// Why a campaign, its relays or its list cannot be used. Fits after "could not read the campaign: ".
#[derive(Debug, Error)]
pub enum CampaignError {
    /// No folder from the start upwards has a `campaigns` folder in it.
    #[error("no `campaigns` folder in {} or above it", start.display())]
    NoWorkspace {
        /// Where the search began.
        start: PathBuf,
    },
    /// The workspace has no campaign of that name.
    #[error("no campaign is called `{name}`")]
    NoCampaign {
        /// The name as it was typed.
        name: String,
        /// The campaign that was probably meant.
        nearest: Option<String>,
        /// Every campaign of the workspace, in alphabetical order.
        known: Vec<String>,
    },
    /// Something is wrong in the files; never empty, in the order in which they were read.
    #[error("{}", several(.0))]
    Faults(Vec<Fault>),
    /// A file or folder could not be read at all.
    #[error("{path} cannot be read")]
    Read {
        /// Which one, relative to the workspace where it lies in it.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl From<Fault> for CampaignError {
    fn from(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }
}

fn several(faults: &[Fault]) -> String {
    match faults {
        [] => "nothing is wrong".to_owned(),
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} (and {} more)", others.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_faults_are_told_by_the_first_of_them() {
        let faults = vec![Fault::error("no subject"), Fault::error("no body")];
        assert_eq!(CampaignError::Faults(faults).to_string(), "no subject (and 1 more)");
        assert_eq!(CampaignError::from(Fault::error("no subject")).to_string(), "no subject");
    }
}
