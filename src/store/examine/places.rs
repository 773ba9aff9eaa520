//! What lies in a state folder beside the journal: who may read it, how much room it has, and whether plans,
//! suppressions and keys can be read.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::mail::PlanId;

use super::super::book::RunBook;
use super::super::error::StoreError;
use super::super::folder::{check_file_system, check_modes};
use super::super::lock::holder;
use super::super::plan::Plan;
use super::super::plans::plans as all_plans;
use super::super::purge::PurgedPlan;
use super::super::suppressions::Suppressions;
use super::finding::{Finding, Part, counted};

/// Files that are open to others and named one by one; the rest is counted.
const NAMED: usize = 5;
/// What helps where the secret is damaged.
const KEYS: &str =
    "put the file back from a backup: with another secret, links in letters already sent are dead";
/// What helps where a plan is damaged.
const PLAN: &str = "put the folder back from a backup; without it nobody of that plan can be written to again, and \
     `mailrun report` cannot name them";

/// The folder and what it lies on.
pub(super) fn folder(state: &Path) -> Finding {
    match check_modes(state).and_then(|()| check_file_system(state)) {
        Err(error) => Finding::failed(Part::Folder, &error, "look at the folder"),
        Ok(notes) => match notes.first() {
            Some(note) => Finding::doubtful(
                Part::Folder,
                note.to_string(),
                "`--state DIR` puts it on a disk of this machine",
            ),
            None => Finding::sound(Part::Folder, state.display().to_string()),
        },
    }
}

/// Files and folders that others on this machine may read.
pub(super) fn modes(state: &Path) -> Vec<Finding> {
    let mut open = Vec::new();
    collect_open(state, &mut open);
    if open.is_empty() {
        return vec![Finding::sound(Part::Modes, "only you may read it")];
    }
    let remedy = format!("chmod -R go= {}", state.display());
    let named = open.iter().take(NAMED).map(|(path, mode)| {
        Finding::doubtful(
            Part::Modes,
            format!("{} is open to others (mode {mode:04o})", path.display()),
            &remedy,
        )
    });
    let mut findings: Vec<Finding> = named.collect();
    if open.len() > NAMED {
        findings.push(Finding::doubtful(Part::Modes, format!("and {} more", open.len() - NAMED), &remedy));
    }
    findings
}

/// What cannot be looked at is found by whoever needs it. The index is sled's: its folder keeps others out.
fn collect_open(folder: &Path, open: &mut Vec<(PathBuf, u32)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(found) = entry.path().symlink_metadata() else { continue };
        let mode = found.permissions().mode() & 0o7777;
        // A link says nothing of what it leads to, and a socket is asked for the user who knocks.
        if (found.is_dir() || found.is_file()) && mode & 0o077 != 0 {
            open.push((entry.path(), mode));
        }
        if found.is_dir() {
            collect_open(&entry.path(), open);
        }
    }
}

/// How much room there is, beside what has to stay free.
pub(super) fn room(state: &Path, min_free: u64) -> Finding {
    let mib = |octets: u64| octets >> 20;
    let found = match rustix::fs::statvfs(state) {
        Ok(found) => found,
        Err(error) => {
            let error = StoreError::io("ask for the room of", state, error.into());
            return Finding::failed(Part::Room, &error, "look at the disk");
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free < min_free {
        return Finding::unusable(
            Part::Room,
            format!(
                "{} MiB are free, and `min_free` is {} MiB: no new mail starts",
                mib(free),
                mib(min_free)
            ),
            "free some room, or name another place with `--state DIR`",
        );
    }
    let ballast = fs::metadata(state.join("ballast")).is_ok();
    let words =
        if ballast { "" } else { "; the reserve for a full disk is not there, the next run makes it" };
    Finding::sound(Part::Room, format!("{} MiB are free{words}", mib(free)))
}

/// Who holds the workspace.
pub(super) fn lock(state: &Path) -> (Option<u32>, Finding) {
    match holder(state) {
        Some(pid) => (Some(pid), Finding::sound(Part::Lock, format!("held by process {pid}"))),
        None => (None, Finding::sound(Part::Lock, "nobody holds it")),
    }
}

/// Whether the plans can be read, and are what was frozen.
pub(super) fn plans<'a>(state: &Path, runs: impl Iterator<Item = &'a RunBook>) -> Vec<Finding> {
    let sent: BTreeSet<PlanId> = runs.map(|run| run.plan).collect();
    let frozen = match all_plans(state) {
        Ok(frozen) => frozen,
        Err(error) => return vec![Finding::failed(Part::Plans, &error, PLAN)],
    };
    let (mut findings, mut sound, mut rows) = (Vec::new(), 0, 0);
    for id in &frozen {
        match read_all(state, *id) {
            Ok(recipients) => {
                sound += 1;
                rows += u64::from(recipients);
            }
            Err(error) => {
                let mut finding = Finding::failed(Part::Plans, &error, PLAN);
                finding.what = format!("plan {}: {}", id.short(), finding.what);
                findings.push(finding);
            }
        }
    }
    let mut purged = 0;
    for id in sent.iter().filter(|id| !frozen.contains(id)) {
        match PurgedPlan::open(state, *id) {
            Ok(Some(_)) => purged += 1,
            Ok(None) => findings.push(Finding::unusable(
                Part::Plans,
                format!("plan {} was sent, and is gone without having been purged", id.short()),
                PLAN,
            )),
            Err(error) => findings.push(Finding::failed(Part::Plans, &error, PLAN)),
        }
    }
    let purged = if purged > 0 { format!(", {purged} purged") } else { String::new() };
    let words = format!("{} of {} as they were frozen{purged}", counted(sound, "plan"), counted(rows, "row"));
    findings.insert(0, Finding::sound(Part::Plans, words));
    findings
}

/// Reads every row of a plan, and says how many there are.
fn read_all(state: &Path, id: PlanId) -> Result<u32, StoreError> {
    let plan = Plan::open(state, id)?;
    plan.verify()?;
    plan.scan(0..plan.len()).try_for_each(|row| row.map(|_| ()))?;
    Ok(plan.len())
}

/// Whether the suppression list can be read.
pub(super) fn suppressions(state: &Path) -> Finding {
    match Suppressions::read(state) {
        Ok(list) => Finding::sound(Part::Suppressions, format!("{} on the list", list.len())),
        Err(error) => Finding::failed(
            Part::Suppressions,
            &error,
            "put the file back from a backup: nothing is sent while nobody knows who must not be written to",
        ),
    }
}

/// Whether the secret is there and whole. It is not made here.
pub(super) fn keys(state: &Path) -> Finding {
    let path = state.join("keys");
    if !path.exists() {
        return Finding::sound(Part::Keys, "there are none yet");
    }
    let mut octets = Vec::new();
    let read = fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut octets));
    match read {
        Err(error) => Finding::failed(Part::Keys, &StoreError::io("read", &path, error), KEYS),
        Ok(_) if octets.len() != 33 || octets[0] != 1 => Finding::unusable(
            Part::Keys,
            format!("{} is damaged, or of a newer mailrun", path.display()),
            KEYS,
        ),
        Ok(_) => Finding::sound(Part::Keys, "there"),
    }
}
