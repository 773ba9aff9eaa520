//! Killed again and again, a campaign still writes to everybody once.
//!
//! Each test sends campaigns over two relays, ends every run but the last with SIGKILL, at moments spread over
//! its whole length or at a chosen system call, and goes on each time. After every kill the counts are held
//! against what the servers logged so far, and at the end the report, recipient by recipient.

use std::collections::BTreeMap;

use crate::campaign::{Campaign, Mode, Stage, Terms, Uncertain, Wire};
use crate::chance::{Chance, share};
use crate::findings::Findings;
use crate::say;
use crate::strike::{Blow, Strike};

/// How many kills there are in all, unless `MAILRUN_KILLS` says otherwise.
const KILLS: u64 = 200;
/// How often one campaign is killed at most.
const KILLS_A_CAMPAIGN: usize = 80;
/// Enough for the journal to begin its next segment.
const RECIPIENTS: usize = 12_000;

const SKIPPING: Terms = Terms {
    wire: Wire::LockStep,
    mode: Mode::Personal,
    uncertain: Uncertain::Skip,
    recipients: RECIPIENTS,
    quota: 3_000,
};

#[test]
#[ignore = "takes minutes, and wants strace and the release binary: tests/run runs it"]
fn everybody_is_accepted_once_a_command_at_a_time() {
    kill(SKIPPING, 24);
}

#[test]
#[ignore = "takes minutes, and wants strace and the release binary: tests/run runs it"]
fn everybody_is_accepted_once_with_commands_in_groups() {
    kill(Terms { wire: Wire::Grouped, ..SKIPPING }, 24);
}

#[test]
#[ignore = "takes minutes, and wants strace and the release binary: tests/run runs it"]
fn everybody_is_accepted_once_with_messages_streamed() {
    kill(Terms { wire: Wire::Streamed, ..SKIPPING }, 24);
}

#[test]
#[ignore = "takes minutes, and wants strace and the release binary: tests/run runs it"]
fn everybody_is_accepted_once_with_several_recipients_a_message() {
    let shared = Terms { mode: Mode::Shared, ..SKIPPING };
    kill(Terms { wire: Wire::Grouped, ..shared }, 8);
    kill(Terms { wire: Wire::Streamed, ..shared }, 8);
}

#[test]
#[ignore = "takes minutes, and wants strace and the release binary: tests/run runs it"]
fn who_is_written_to_again_gets_the_same_message_and_only_as_ordered() {
    kill(Terms { wire: Wire::Streamed, uncertain: Uncertain::Resend, ..SKIPPING }, 12);
}

/// Kills campaigns on these terms, `percent` of all kills, and says in one line what came of it.
fn kill(terms: Terms, percent: u64) {
    let mut kills = Kills::default();
    let mut findings = Findings::default();
    let wanted = share("MAILRUN_KILLS", KILLS, percent);
    let mut chance = Chance::of(&format!("kill, {terms}"));
    let (mut bound, mut most_at_once) = (0, 0);
    while kills.all() < wanted {
        let mut campaign = Campaign::set_up(terms);
        let most = KILLS_A_CAMPAIGN.min(wanted - kills.all());
        send_and_kill(&mut campaign, most, &mut chance, &mut kills);
        bound = campaign.bound;
        most_at_once = most_at_once.max(campaign.most_at_once);
        findings.compare(campaign);
        assert_eq!(findings.faults(), Vec::<String>::new(), "{}", findings.summary());
    }
    say(&format!(
        "kill, {terms}: {kills}; at most {most_at_once} uncertain a kill of {bound} announced; {}",
        findings.summary()
    ));
}

/// Kills every run of a campaign but the last.
fn send_and_kill(campaign: &mut Campaign, most: usize, chance: &mut Chance, kills: &mut Kills) {
    let step = campaign.terms.recipients * 2 / 3 / most;
    let before = kills.all();
    let mut due: Vec<Strike> = Vec::new();
    while kills.all() - before < most {
        if campaign.stage() == Stage::Finished {
            return;
        }
        // Where several recipients share a message, one segment is enough for all.
        if kills.all() - before == most / 3 && campaign.terms.mode == Mode::Personal {
            due = Strike::rotation(chance, step);
            due.reverse();
        }
        let strike = due.pop().unwrap_or_else(|| Strike::any(chance, campaign.stage(), step));
        let run = strike.start(campaign.further());
        match strike.wait(campaign, run) {
            Blow::Due(run) => {
                run.kill();
                kills.by_the_clock += 1;
            }
            Blow::Struck => kills.at(strike),
            Blow::Missed(run) => {
                assert!(matches!(run.code, Some(0 | 3)), "{strike:?}: the run ends by itself: {run}");
                return;
            }
        }
        campaign.examine(&format!("kill {}, {strike:?}", kills.all()));
    }
    if campaign.stage() != Stage::Finished {
        let last = Campaign::start(campaign.further()).wait();
        assert!(matches!(last.code, Some(0 | 3)), "the last run finishes: {last}");
    }
}

/// How many kills there were, and where.
#[derive(Debug, Default)]
struct Kills {
    by_the_clock: usize,
    at_calls: BTreeMap<&'static str, usize>,
}

impl Kills {
    fn at(&mut self, strike: Strike) {
        match strike {
            Strike::Call { call, .. } => *self.at_calls.entry(call).or_default() += 1,
            Strike::Early(_) | Strike::Moment(..) => panic!("{strike:?} needs no strace"),
        }
    }

    fn all(&self) -> usize {
        self.by_the_clock + self.at_calls.values().sum::<usize>()
    }
}

impl std::fmt::Display for Kills {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at_calls = self.all() - self.by_the_clock;
        write!(formatter, "{} kills, {at_calls} at calls (", self.all())?;
        for (place, (call, count)) in self.at_calls.iter().enumerate() {
            let call = call.trim_start_matches('?').split(',').next().unwrap_or_default();
            let comma = if place == 0 { "" } else { ", " };
            write!(formatter, "{comma}{call} {count}")?;
        }
        formatter.write_str(")")
    }
}
