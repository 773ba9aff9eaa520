//! Things to try the command line with, in tests.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use tempfile::TempDir;

use crate::engine::{Ending, Recipients, RelayView, Stage, Status};

use super::args::Cli;
use super::operator::Operator;

/// A status of nobody.
pub(crate) fn status() -> Status {
    Status {
        campaign: "welcome".to_owned(),
        edition: 1,
        plan: "000102030405060708090a0b0c0d0e0f".to_owned(),
        state: Stage::Sending,
        reason: None,
        recipients: Recipients::default(),
        excluded: crate::mail::Excluded::default(),
        batches: crate::engine::BatchCount::default(),
        relays: [("rehearsal".to_owned(), RelayView::default())].into(),
        started: None,
        finished: None,
        next_attempt: None,
        sandbox: true,
        purged: None,
    }
}

/// An ending of nobody.
pub(crate) fn ending() -> Ending {
    Ending {
        recipients: Recipients::default(),
        cause: None,
        signal: None,
        next: None,
        refused_login: false,
        kept: None,
        status: status(),
    }
}

/// A workspace with these campaigns, all empty.
pub(crate) fn workspace(campaigns: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in campaigns {
        let campaign = folder.path().join("campaigns").join(name);
        fs::create_dir_all(&campaign).expect("a folder");
        fs::write(campaign.join("campaign.toml"), "").expect("a file");
    }
    folder
}

/// An operator in this folder, who cannot be asked.
pub(crate) fn operator(dir: &Path) -> Operator {
    let dir = dir.to_str().expect("a readable path");
    let words = ["mailrun", "--dir", dir, "--quiet", "--color", "never", "--no-input", "status"];
    Operator::new(Cli::try_parse_from(words).expect("parses").global)
}
