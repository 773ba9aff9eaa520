//! sled broken on purpose: the campaign goes on from the journal, and one line says so.

use std::fs;
use std::path::Path;

use crate::stage::{Habit, Peer, Run, Workspace, fates};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the copy");
    for entry in fs::read_dir(from).expect("a folder of the state").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file of the state can be copied");
        }
    }
}

fn flip(file: &Path) {
    let octets = fs::read(file).expect("a file of the index");
    let flipped: Vec<u8> = octets.iter().map(|octet| octet ^ 0x10).collect();
    fs::write(file, flipped).expect("a file of the index");
}

fn cut(file: &Path) {
    let octets = fs::read(file).expect("a file of the index");
    fs::write(file, &octets[..octets.len().min(200)]).expect("a file of the index");
}

/// The lines of `run` that speak of the index.
fn lines(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.contains("index")).collect()
}

#[test]
fn a_broken_index_is_rebuilt_and_told_in_one_line() {
    type Harm = fn(&Path, &Path);
    let harms: [(&str, Harm, usize); 4] = [
        ("deleted", |index, _| fs::remove_dir_all(index).expect("the index is there"), 1),
        ("cut short", |index, _| cut(&index.join("db")), 1),
        ("flipped", |index, _| flip(&index.join("db")), 1),
        // One that is only behind is brought up to date: nothing to tell.
        (
            "of an earlier run",
            |index, earlier| {
                fs::remove_dir_all(index).expect("the index is there");
                copy(earlier, index);
            },
            0,
        ),
    ];
    for (what, harm, told) in harms {
        let peer = Peer::start(Habit::Takes);
        let workspace = Workspace::letter_to(peer.port, 12);
        workspace.mailrun(&["send", "letter", "--yes", "--limit", "4"]).ends(4);
        let (index, earlier) = (workspace.path(".mailrun/index"), workspace.path("earlier"));
        copy(&index, &earlier);
        workspace.settings("[send]\nmax_uncertain = 3");
        workspace.mailrun(&["resume", "letter", "--no-wait"]).ends(0);
        workspace.list(20);
        workspace.mailrun(&["send", "letter", "--yes", "--limit", "3"]).ends(4);
        let before = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
        harm(&index, &earlier);
        let after = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
        assert_eq!(fates(&before), fates(&after), "{what}: reports do not ask the index");
        let resumed = workspace.mailrun(&["resume", "letter"]).ends(0);
        assert_eq!(lines(&resumed).len(), told, "{what}: {resumed}");
        let mut taken = peer.recipients();
        taken.sort();
        taken.dedup();
        assert_eq!((taken.len(), peer.recipients().len()), (20, 20), "{what}: everybody once");
    }
}
