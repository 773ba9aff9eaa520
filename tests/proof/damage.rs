//! Every truncation and every flipped bit of the journal of a real run: found, or harmless.
//!
//! The journal is one that the binary wrote, of two runs in which recipients were accepted, refused, told to come
//! back, and left in doubt by a kill. Each damaged copy is read as `status` does and opened as `resume` does.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use tempfile::TempDir;

use mailrun::mail::State;
use mailrun::store::{History, Indexing, Moment, Options, Pace, Run, Store, StoreError};

use crate::say;
use crate::stage::{Habit, Oracle, Peer, Workspace};

const LIST: &str = "email,first_name\nperson-1@example.net,Ada\nperson-2@example.net,Bob\ngone-3@example.net,Cyd\n\
                    person-4@example.net,Dan\ngrey-5@example.net,Eve\nperson-6@example.net,Fay\n\
                    person-7@example.net,Gus\nperson-8@example.net,Hal\n";
const RECIPIENTS: u64 = 8;
const PERSONA: &str = r#"
refuse = [{ recipient = "gone-*", reply = "550 5.1.1 no such user" }]
defer = [{ recipient = "grey-*", reply = "450 4.7.1 greylisted", times = 9 }]
"#;
/// Octets of the segment that a damaged journal has: more than was written and is written when it is opened.
const SEGMENT: usize = 16 << 10;

/// The journal of a small run.
struct Journal {
    /// The first segment, as far as a damaged copy has it.
    octets: Vec<u8>,
    /// Octets of it that were written.
    written: usize,
    /// Octets that the first run wrote.
    first_run: usize,
    known: Run,
    /// When it is opened again.
    moment: Moment,
    folder: TempDir,
}

impl Journal {
    fn of_a_real_run() -> Self {
        // The first run is killed between a message and its reply.
        let silent = Peer::start(Habit::NeverAnswersTheDot);
        let workspace = Workspace::letter_to(silent.port, 0);
        workspace.write("campaigns/letter/recipients.csv", LIST);
        let run = workspace.start(&["send", "letter", "--yes"]);
        silent.wait_for_a_dot();
        run.kill();
        let state = workspace.path(".mailrun");
        let (_, first_run) = first_segment(&state);
        workspace.write("persona.toml", PERSONA);
        let persona = workspace.path("persona.toml");
        let persona = persona.to_str().expect("a path in UTF-8");
        let server = Oracle::start(workspace.path("log"), &["--persona", persona]);
        workspace.relay(server.port, "");
        workspace.mailrun(&["resume", "letter", "--uncertain", "skip", "--no-wait"]).ends(4);
        let history = History::read(&state).expect("a whole journal");
        let known = history.latest("letter").expect("a run").clone();
        let standing = [State::Accepted, State::Rejected, State::Deferred, State::Uncertain];
        assert_eq!(standing.map(|state| known.tally.of(state)), [5, 1, 1, 1], "all that can become of them");

        let (mut octets, written) = first_segment(&state);
        assert!(written < SEGMENT / 2, "{written}");
        octets.truncate(SEGMENT);
        let wall = history.last.expect("records have times") + SignedDuration::from_secs(1);
        let moment = Moment { wall, boot: Duration::from_secs(1), boot_id: [7; 16] };
        // In memory, where there is a file system for it: each copy is synced many times.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = TempDir::with_prefix_in("mailrun-damage-", place).expect("a folder");
        Self { octets, written, first_run, known, moment, folder }
    }

    /// A state folder with this journal in it and no other.
    fn state_with(&self, octets: &[u8]) -> PathBuf {
        let state = self.folder.path().join("state");
        let journal = state.join("journal");
        // All but the ballast, which takes the most time to make.
        let _ = fs::remove_dir_all(&journal);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&journal).expect("a new folder");
        fs::write(journal.join("00000001.wal"), octets).expect("room for a journal");
        state
    }

    fn open(&self, state: &Path) -> Result<Store, StoreError> {
        // As if the disk were nearly full, so that no time is spent on further segments.
        let (min_free, pace, indexing) = (u64::MAX / 4, Pace::Inline, Indexing::Memory);
        let options = Options { min_free, pace, indexing, ..Options::default() };
        Store::open(state, options, &self.moment)
    }

    /// Whether a damaged journal says nothing that did not happen: the states add up, nobody became accepted, and
    /// everybody who was or may have been is charged. Says how many were accepted.
    #[track_caller]
    fn is_true(&self, history: &History, what: &str) -> u64 {
        let Some(run) = history.latest("letter") else { return 0 };
        assert_eq!(run.tally.planned(), RECIPIENTS, "the states add up, {what}");
        for (place, state) in run.states.iter().enumerate() {
            let gained = *state == State::Accepted && self.known.states[place] != State::Accepted;
            assert!(!gained, "recipient {place} became accepted, {what}");
        }
        let charged: u64 = history.usages.values().map(|usage| usage.since(i64::MIN).recipients).sum();
        let accepted = run.tally.of(State::Accepted);
        let owed = accepted + run.tally.of(State::Uncertain);
        assert!(charged >= owed, "{owed} were or may have been written to and {charged} are charged, {what}");
        accepted
    }
}

/// The first segment of a journal, and how many octets of it were written.
fn first_segment(state: &Path) -> (Vec<u8>, usize) {
    let octets = fs::read(state.join("journal/00000001.wal")).expect("a segment");
    let written = octets.iter().rposition(|octet| *octet != 0).expect("records") + 1;
    (octets, written)
}

#[test]
fn every_prefix_of_a_real_journal_can_be_gone_on_with() {
    let journal = Journal::of_a_real_run();
    let mut most = 0;
    for length in 0..=journal.written {
        let what = format!("cut at {length}");
        let short = History::read(&journal.state_with(&journal.octets[..length]));
        let accepted = journal.is_true(&short.unwrap_or_else(|error| panic!("{error}, {what}")), &what);
        assert!(accepted >= most, "a longer journal knows as much, {what}");
        most = accepted;

        // Cut short by a power cut, a segment has its length, and zeros where records would be.
        let mut lost = journal.octets.clone();
        lost[length..].fill(0);
        let state = journal.state_with(&lost);
        let store = journal.open(&state).unwrap_or_else(|error| panic!("{error}, {what}"));
        store.close().unwrap_or_else(|error| panic!("{error}, {what}"));
        let mended = History::read(&state).unwrap_or_else(|error| panic!("{error}, {what}"));
        assert_eq!(journal.is_true(&mended, &what), accepted, "opening it decides nothing, {what}");
    }
    assert_eq!(most, 5);
}

#[test]
fn every_flipped_bit_of_a_real_journal_is_found_or_harmless() {
    let journal = Journal::of_a_real_run();
    let (mut found, mut harmless) = (0, 0);
    for octet in 0..journal.written {
        for bit in 0..8 {
            let what = format!("bit {bit} of octet {octet} flipped");
            let mut flipped = journal.octets.clone();
            flipped[octet] ^= 1 << bit;
            let state = journal.state_with(&flipped);
            match History::read(&state) {
                Ok(history) => {
                    harmless += 1;
                    // Only in the last group may a flipped bit be taken for a torn write.
                    assert!(octet >= journal.first_run, "another run wrote behind it, {what}");
                    let accepted = journal.is_true(&history, &what);
                    let store = journal.open(&state).unwrap_or_else(|error| panic!("{error}, {what}"));
                    store.close().unwrap_or_else(|error| panic!("{error}, {what}"));
                    let mended = History::read(&state).unwrap_or_else(|error| panic!("{error}, {what}"));
                    assert_eq!(journal.is_true(&mended, &what), accepted, "{what}");
                }
                Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) => {
                    found += 1;
                    assert!(journal.open(&state).is_err(), "nothing is sent by a damaged journal, {what}");
                }
                Err(other) => panic!("{other}, {what}"),
            }
        }
    }
    say(&format!("{} octets: {found} flipped bits found, {harmless} harmless", journal.written));
}
