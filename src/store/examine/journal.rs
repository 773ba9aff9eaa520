//! The journal read from its first octet, and what checkpoint and index say beside it.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::backlog::Pieces;
use super::super::book::RunBook;
use super::super::changes::Changes;
use super::super::checkpoint::{Checkpoint, Start};
use super::super::disk::Disk;
use super::super::error::StoreError;
use super::super::fold::Fold;
use super::super::frame::Lsn;
use super::super::history::Place;
use super::super::index::Index;
use super::super::lock::holder;
use super::super::scan::behind;
use super::audit::Audit;
use super::finding::{Finding, Part, counted};

/// What helps where the journal is damaged.
const DAMAGED: &str = "nothing was changed; put that file back from a backup. Without one, keep a copy of .mailrun: \
     `mailrun doctor --export` writes what is sound, and nothing may be sent from this state";
/// What helps where the index is broken.
const REBUILT: &str = "nothing: the next start moves it aside and makes a new one from the journal";
/// What helps where a record breaks a rule.
const BREACH: &str = "keep a copy of .mailrun, and report it: mailrun writes no such record";

/// What reading the journal came to.
pub(super) enum Read {
    /// There is none.
    Absent,
    /// All of it could be read.
    Whole(Box<Whole>),
    /// It could not be read to its end; after so many records.
    Broken(StoreError, Lsn),
}

/// A journal that could be read.
pub(super) struct Whole {
    fold: Fold,
    audit: Audit,
    /// The last record.
    last: Lsn,
    /// Segments, and their octets.
    segments: (u64, u64),
    /// Octets behind its end that a crash has left; none where there are none, or somebody may be writing.
    torn: Option<u64>,
    /// The process that may be writing it.
    alive: Option<u32>,
}

impl Read {
    /// What all records mean, where they could be read.
    pub(super) fn fold(&self) -> Option<&Fold> {
        match self {
            Self::Whole(whole) => Some(&whole.fold),
            Self::Absent | Self::Broken(..) => None,
        }
    }

    /// The runs, where they are known.
    pub(super) fn runs(&self) -> impl Iterator<Item = &RunBook> {
        self.fold().into_iter().flat_map(|fold| fold.runs.values())
    }
}

/// Reads the whole journal and checks every record.
pub(super) fn read(state: &Path) -> Read {
    let Some(place) = Place::of(state) else { return Read::Absent };
    let (mut fold, mut audit, mut last) = (Fold::default(), Audit::default(), Lsn(0));
    let outcome = place.read_places(&mut |at, record| {
        audit.hear(at, &record, &fold);
        fold.apply(&record);
        audit.settle(&record, &fold);
        last = at.lsn;
        Ok(())
    });
    let end = match outcome {
        Ok(end) => end,
        Err(error) => return Read::Broken(error, last),
    };
    let torn = behind(&place.disk, &end).ok().filter(|octets| *octets > 0 && place.alive.is_none());
    audit.close(&fold);
    let segments = place.disk.segments().unwrap_or_default();
    let segments = (segments.len() as u64, segments.iter().map(|(_, octets)| octets).sum());
    Read::Whole(Box::new(Whole { fold, audit, last, segments, torn, alive: place.alive }))
}

/// What is said of the journal and its records.
pub(super) fn findings(read: &Read) -> Vec<Finding> {
    let whole = match read {
        Read::Absent => return vec![Finding::sound(Part::Journal, "there is none yet")],
        Read::Broken(error, last) => {
            let mut finding = Finding::failed(Part::Journal, error, DAMAGED);
            finding.what = format!("{}; {} before it are sound", finding.what, counted(last.0, "record"));
            return vec![finding];
        }
        Read::Whole(whole) => whole,
    };
    let (segments, octets) = whole.segments;
    let size = format!("{} of {} MiB", counted(segments, "segment"), octets.div_ceil(1 << 20));
    let records = counted(whole.audit.records, "record");
    let starts = counted(u64::from(whole.audit.epochs), "start");
    let runs = counted(whole.fold.runs.len() as u64, "run");
    let mut findings =
        vec![Finding::sound(Part::Journal, format!("{records} of {runs} and {starts} are whole, in {size}"))];
    if let Some(octets) = whole.torn {
        findings.push(Finding::doubtful(
            Part::Journal,
            format!(
                "{} at its end were cut off by a crash; nothing that was promised is in them",
                counted(octets, "octet")
            ),
            "nothing: the next start clears them",
        ));
    }
    let owed: u64 = whole.fold.owed().map(|open| Fold::untold(open).count() as u64).sum();
    if owed > 0 && whole.alive.is_none() {
        findings.push(Finding::doubtful(
            Part::Journal,
            format!("{} on the way when a run was cut off", counted(owed, "message")),
            "`mailrun resume` names them uncertain and goes on",
        ));
    }
    findings.extend(breaches(&whole.audit));
    findings
}

fn breaches(audit: &Audit) -> Vec<Finding> {
    if audit.count == 0 {
        let words = "none breaks a rule: everybody counts once, and no outcome is without its intent";
        return vec![Finding::sound(Part::Records, words)];
    }
    let told = audit.breaches.iter();
    let mut findings: Vec<Finding> =
        told.map(|words| Finding::unusable(Part::Records, words.clone(), BREACH)).collect();
    if let Some(more) = audit.count.checked_sub(audit.breaches.len() as u64).filter(|more| *more > 0) {
        findings.push(Finding::unusable(Part::Records, format!("and {more} more"), BREACH));
    }
    findings
}

/// What is said of the checkpoint.
pub(super) fn checkpoint(state: &Path, read: &Read) -> Finding {
    let Some(place) = Place::of(state) else {
        return Finding::sound(Part::Checkpoint, "there is none yet");
    };
    let there = matches!(place.disk.kept(), Ok(Some(_)));
    let found = Checkpoint::of(&place.disk);
    if found.start == Start::BEGINNING {
        return if there {
            Finding::doubtful(
                Part::Checkpoint,
                "it is broken, or of another journal: it is passed over, and all of the journal is read",
                "nothing: a later run writes a new one",
            )
        } else {
            Finding::sound(Part::Checkpoint, "there is none yet; a start reads all of the journal")
        };
    }
    let Some(known) = read.fold() else {
        return Finding::doubtful(Part::Checkpoint, "not compared, as the journal cannot be read", DAMAGED);
    };
    let Checkpoint { start, mut fold, .. } = found;
    let covered = Lsn(start.next.0 - 1);
    let outcome = place.read_places(&mut |at, record| {
        if at.lsn > covered {
            fold.apply(&record);
        }
        Ok(())
    });
    match outcome {
        Err(error) => Finding::failed(Part::Checkpoint, &error, DAMAGED),
        // A run that is alive has written since.
        Ok(_) if place.alive.is_some() || is_same(&fold, known) => {
            Finding::sound(Part::Checkpoint, format!("agrees with the journal up to record {}", covered.0))
        }
        Ok(_) => Finding::unusable(
            Part::Checkpoint,
            format!("says something else than the journal up to record {}", covered.0),
            "remove .mailrun/journal/checkpoint: it is made again from the journal; and report it",
        ),
    }
}

/// Whether two folds cannot be told apart by anything that decides.
fn is_same(one: &Fold, other: &Fold) -> bool {
    let pieces = |run: &RunBook| {
        let mut pieces = Pieces::of(run);
        pieces.sort();
        (pieces, run.tally, run.ended, run.cancelled, run.names.clone())
    };
    one.runs.len() == other.runs.len()
        && one.runs.values().zip(other.runs.values()).all(|(one, other)| pieces(one) == pieces(other))
        && one.ledger.usages() == other.ledger.usages()
        && one.recorded() == other.recorded()
}

/// What is said of the index, which is looked at in a copy. `alive` is the process that holds the workspace.
pub(super) fn index(state: &Path, read: &Read, alive: Option<u32>) -> Finding {
    let folder = state.join("index");
    if let Some(pid) = alive {
        return Finding::sound(Part::Index, format!("in use by process {pid}, not looked at"));
    }
    if !folder.exists() {
        return Finding::sound(Part::Index, "there is none; it is made from the journal when it is needed");
    }
    let Read::Whole(whole) = read else {
        return Finding::sound(Part::Index, "not looked at, as the journal cannot be read");
    };
    let copy = match Copy::of(&folder) {
        Ok(copy) => copy,
        Err(error) => {
            let words = format!("could not be copied to be looked at: {error}");
            return Finding::doubtful(Part::Index, words, "make room in the folder for temporary files");
        }
    };
    if let Some(pid) = holder(state) {
        return Finding::sound(Part::Index, format!("in use by process {pid}, not looked at"));
    }
    let (index, applied) = match Index::try_open(&copy.folder) {
        Ok(found) => found,
        Err(words) => return Finding::doubtful(Part::Index, format!("it is broken: {words}"), REBUILT),
    };
    if applied == Lsn(0) && whole.last > Lsn(0) {
        return Finding::doubtful(Part::Index, "it holds nothing of the journal", REBUILT);
    }
    if applied > whole.last {
        let words = format!("it is ahead of the journal: at record {}", applied.0);
        return Finding::doubtful(Part::Index, words, REBUILT);
    }
    match agrees(state, &index, applied, whole) {
        Ok(true) if applied == whole.last => Finding::sound(Part::Index, "agrees with the journal"),
        Ok(true) => Finding::sound(
            Part::Index,
            format!(
                "agrees with the journal, as far as it goes: {} to come",
                counted(whole.last.0 - applied.0, "record")
            ),
        ),
        Ok(false) => Finding::doubtful(Part::Index, "it says something else than the journal", REBUILT),
        Err(words) => Finding::doubtful(Part::Index, format!("it is broken: {words}"), REBUILT),
    }
}

/// Whether the index says the same as the journal once it has taken in what it lacks.
fn agrees(state: &Path, index: &Index, applied: Lsn, whole: &Whole) -> Result<bool, String> {
    if applied < whole.last {
        let mut fold = Fold::default();
        let Some(place) = Place::of(state) else { return Ok(false) };
        let read = place.read_places(&mut |at, record| {
            fold.apply(&record);
            if at.lsn == applied {
                fold.forget_touched();
            }
            Ok(())
        });
        read.map_err(|error| error.to_string())?;
        index.apply(&Changes::take(&mut fold, whole.last))?;
    }
    Ok(index.agrees(&whole.fold))
}

/// A copy of a folder that only we can read; removed when dropped.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn of(folder: &Path) -> io::Result<Self> {
        /// Tells the copies apart that one process makes at once.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = std::env::temp_dir().join(format!("mailrun-doctor-{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&place)?;
        let copy = Self { folder: place };
        copy_files(folder, &copy.folder)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The system clears its folder for temporary files in any case.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&target)?;
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
