//! The example of a fresh clone is checked, sent and kept.

use std::fs;
use std::path::Path;

use crate::stage::{Workspace, recipients_of};

#[test]
fn the_example_campaign_sends_at_once() {
    let workspace = Workspace::empty();
    for folder in ["campaigns", "templates"] {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &workspace.path(folder));
    }
    workspace.mailrun(&["check", "welcome"]).ends(0);
    workspace.mailrun(&["send", "welcome", "--yes"]).ends(0).says("1,000").says("mailrun report welcome");
    let report = workspace.mailrun(&["report", "welcome", "--json"]).ends(0).json();
    assert_eq!(recipients_of(&report, "accepted"), 1_000);
    assert_eq!(workspace.files(".mailrun/sandbox", ".eml").len(), 1_000);
}

#[test]
fn every_example_passes_the_check() {
    let workspace = Workspace::empty();
    for folder in ["campaigns", "templates"] {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &workspace.path(folder));
    }
    workspace.mailrun(&["check"]).ends(0).says("statement:").says("welcome:").never_says("warning:");
    workspace.mailrun(&["plan"]).ends(2).says("which campaign?");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("the repository holds examples") {
        let entry = entry.expect("a folder can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
