//! The power is cut again and again, and a campaign still writes to everybody once.
//!
//! The state folder lies on a disk of its own, the servers beside it, so that they remember what the disk forgets.
//! At the moment of a cut the run is stopped with SIGSTOP, so that it does nothing that the disk will not have
//! seen, and the disk is cloned while the kernel may still be writing to it. Then the run is ended, the clone is
//! mounted, which replays the file system's own journal, and the campaign goes on.

use crate::campaign::{Campaign, Mode, Stage, Terms, Uncertain, Wire};
use crate::chance::{Chance, share};
use crate::disk::{FileSystem, PowerDisk};
use crate::findings::Findings;
use crate::say;
use crate::strike::{Blow, Strike};

/// How many cuts there are in all, unless `MAILRUN_CUTS` says otherwise.
const CUTS: u64 = 40;
/// How often one campaign is cut at most.
const CUTS_A_CAMPAIGN: usize = 60;
/// How many of the cuts of a campaign fall before it has begun, at most.
const FIRST_CUTS: usize = 3;

const STREAMED: Terms = Terms {
    wire: Wire::Streamed,
    mode: Mode::Personal,
    uncertain: Uncertain::Skip,
    recipients: 12_000,
    quota: 3_000,
};
/// One campaign after the other.
const CAMPAIGNS: [Terms; 4] = [
    STREAMED,
    Terms { wire: Wire::Grouped, ..STREAMED },
    Terms { wire: Wire::LockStep, ..STREAMED },
    Terms { mode: Mode::Shared, ..STREAMED },
];

#[test]
#[ignore = "takes minutes, and needs root to mount file systems: tests/run runs it"]
fn everybody_is_accepted_once_whatever_ext4_forgets() {
    cut(FileSystem::Ext4, 50);
}

#[test]
#[ignore = "takes minutes, and needs root to mount file systems: tests/run runs it"]
fn everybody_is_accepted_once_whatever_xfs_forgets() {
    cut(FileSystem::Xfs, 50);
}

/// Cuts campaigns off, `percent` of all cuts, and says in one line what came of it.
fn cut(file_system: FileSystem, percent: u64) {
    let mut findings = Findings::default();
    let wanted = share("MAILRUN_CUTS", CUTS, percent);
    let mut chance = Chance::of(&format!("power, {}", file_system.name()));
    // As many of each, however few there are.
    let each = wanted.div_ceil(CAMPAIGNS.len()).min(CUTS_A_CAMPAIGN);
    let (mut cuts, mut most_at_once) = (0, (0, 0));
    for terms in CAMPAIGNS.into_iter().cycle() {
        if cuts >= wanted {
            break;
        }
        let mut disk = PowerDisk::new(file_system);
        let mut campaign = Campaign::set_up_at(terms, &disk.folder().join("state"));
        cuts += send_and_cut(&mut campaign, &mut disk, (wanted - cuts).min(each), &mut chance);
        most_at_once = most_at_once.max((campaign.most_at_once, campaign.bound));
        findings.compare(campaign);
        assert_eq!(findings.faults(), Vec::<String>::new(), "{}", findings.summary());
    }
    let (uncertain, bound) = most_at_once;
    say(&format!(
        "power, {}: {cuts} cuts; at most {uncertain} uncertain a cut of {bound} announced; {}",
        file_system.name(),
        findings.summary()
    ));
}

/// Cuts the power under every run of a campaign but the last, and says how often.
fn send_and_cut(campaign: &mut Campaign, disk: &mut PowerDisk, most: usize, chance: &mut Chance) -> usize {
    let step = campaign.terms.recipients * 2 / 3 / most;
    let mut cuts = 0;
    while cuts < most && campaign.stage() != Stage::Finished {
        let strike = match campaign.stage() {
            Stage::NotBegun if cuts < FIRST_CUTS => Strike::early(chance),
            Stage::NotBegun | Stage::Begun | Stage::Finished => Strike::by_the_clock(chance, step),
        };
        let run = strike.start(campaign.further());
        match strike.wait(campaign, run) {
            Blow::Due(run) => {
                run.freeze();
                disk.cut(|| run.kill());
                cuts += 1;
            }
            Blow::Struck => panic!("nothing else ends a run by a signal"),
            Blow::Missed(run) => {
                assert!(matches!(run.code, Some(0 | 3)), "{strike:?}: the run ends by itself: {run}");
                return cuts;
            }
        }
        campaign.examine(&format!("cut {cuts}, {strike:?}"));
    }
    if campaign.stage() != Stage::Finished {
        let last = Campaign::start(campaign.further()).wait();
        assert!(matches!(last.code, Some(0 | 3)), "the last run finishes: {last}");
    }
    cuts
}
