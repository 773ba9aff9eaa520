//! What a server may say and a list may hold, by the corpus of the fuzz targets: the oracles of `tests/fuzz` hold for each.

#[path = "fuzz/oracles.rs"]
mod oracles;

#[path = "fuzz/lists.rs"]
mod lists;

use std::fs;
use std::path::Path;

/// Puts every file of one target's corpus before its oracle.
fn hold(target: &str, oracle: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("a folder for each target");
    let mut count = 0;
    for file in files {
        let path = file.expect("a file").path();
        let octets = fs::read(&path).expect("a file that can be read");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| oracle(&octets)));
        assert!(result.is_ok(), "{target}: {}", path.display());
        count += 1;
    }
    assert!(count >= 8, "{target}: only {count} files");
}

#[test]
fn replies_are_the_same_however_they_are_cut() {
    hold("replies", oracles::replies);
}

#[test]
fn nothing_that_is_announced_is_taken_for_more_than_it_is() {
    hold("ehlo", oracles::ehlo);
}

#[test]
fn no_content_leaves_without_a_permit_and_every_message_ends() {
    hold("dialogue", oracles::dialogue);
}

#[test]
fn no_cell_of_a_list_adds_or_breaks_a_header() {
    hold("lists", lists::row);
}
