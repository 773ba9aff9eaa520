//! When a run is cut off: at any moment, or at a chosen system call.
//!
//! `strace` ends the process as it enters the n-th call of a kind in one of its threads, before the kernel does
//! what was asked for; what the call before has done is done. So a run can be cut between any two steps of the
//! journal, of a socket or of a folder.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::campaign::{Campaign, Stage};
use crate::chance::Chance;
use crate::stage::{Run, Running};

/// System calls of a run that goes on, and up to which of them it is ended. Others are made by other machines.
const CALLS: [(&str, u64); 14] = [
    ("fdatasync", 48),
    ("pwrite64", 48),
    ("sendto", 96),
    ("recvfrom", 96),
    ("write", 48),
    ("epoll_wait", 96),
    ("futex", 160),
    ("fsync", 4),
    ("sync_file_range", 4),
    ("openat", 140),
    ("connect", 8),
    ("flock", 2),
    ("fallocate", 2),
    ("ftruncate", 3),
];
/// System calls of a run that makes its state folder, freezes its plan and begins.
const FIRST_CALLS: [(&str, u64); 14] = [
    ("openat", 140),
    ("mkdir", 6),
    ("?rename,?renameat,?renameat2", 2),
    ("?unlink,?unlinkat", 4),
    ("?fchmod,?chmod,?fchmodat", 8),
    ("fsync", 20),
    ("fdatasync", 24),
    ("pwrite64", 24),
    ("write", 24),
    ("fallocate", 3),
    ("ftruncate", 3),
    ("flock", 2),
    ("connect", 4),
    ("bind", 1),
];
/// Those around the making of a segment of the journal.
const ROTATION: [(&str, u64); 4] = [("fallocate", 1), ("fallocate", 1), ("fsync", 3), ("pwrite64", 3)];

/// Within which an early cut falls: the time in which a run reads and mends its state, and begins.
const EARLY_WITHIN: Duration = Duration::from_millis(120);
/// Within which a cut falls after the acceptance that it waits for.
const SOON: Duration = Duration::from_millis(10);
/// How long a run may go without a new acceptance before it counts as hung.
const STALL: Duration = Duration::from_mins(1);
/// Between two looks at the logs.
const PAUSE: Duration = Duration::from_millis(1);

/// When a run is cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strike {
    /// So long after its start.
    Early(Duration),
    /// So long after so many more acceptances.
    Moment(usize, Duration),
    /// At the n-th call of a kind in one of its threads; after so many more acceptances in any case.
    Call { call: &'static str, nth: u64, at_last: usize },
}

/// What became of a run that was to be cut off.
pub(crate) enum Blow {
    /// It is still there, and at the moment to be cut off.
    Due(Running),
    /// It was ended at the call.
    Struck,
    /// It came to its end before.
    Missed(Run),
}

impl Strike {
    /// The next one, of those that need no `strace`. About `step` recipients are accepted meanwhile.
    pub(crate) fn by_the_clock(chance: &mut Chance, step: usize) -> Self {
        if chance.below(3) == 0 {
            return Self::early(chance);
        }
        let more = usize::try_from(chance.below(2 * step as u64)).expect("a small number");
        Self::Moment(more, chance.time(SOON))
    }

    /// One that hits how a run begins.
    pub(crate) fn early(chance: &mut Chance) -> Self {
        Self::Early(chance.time(EARLY_WITHIN))
    }

    /// The next one of any kind.
    pub(crate) fn any(chance: &mut Chance, stage: Stage, step: usize) -> Self {
        let calls: &[(&str, u64)] = if stage == Stage::NotBegun { &FIRST_CALLS } else { &CALLS };
        if chance.below(3) == 0 {
            return Self::by_the_clock(chance, step);
        }
        let (call, most) = chance.one_of(calls);
        Self::Call { call, nth: chance.magnitude(most), at_last: 3 * step }
    }

    /// Those around the next segment of the journal. The first waits until it is made.
    pub(crate) fn rotation(chance: &mut Chance, step: usize) -> Vec<Self> {
        let mut strikes = Vec::new();
        for (call, most) in ROTATION {
            let at_last = if strikes.is_empty() { usize::MAX } else { step };
            strikes.push(Self::Call { call, nth: chance.magnitude(most), at_last });
        }
        strikes
    }

    /// Starts the run that is to be cut off so.
    pub(crate) fn start(self, command: Command) -> Running {
        let Self::Call { call, nth, .. } = self else { return Campaign::start(command) };
        let mut traced = Command::new("strace");
        // Traced from a grandchild, so that the child that can be killed is mailrun itself.
        traced.args(["-f", "-D", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
        traced.args(["-e", &format!("inject={call}:signal=KILL:when={nth}")]);
        traced.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        traced.current_dir(command.get_current_dir().expect("a workspace"));
        Campaign::start(traced)
    }

    /// Waits for the moment.
    pub(crate) fn wait(self, campaign: &Campaign, mut run: Running) -> Blow {
        match self {
            Self::Early(after) => thread::sleep(after),
            Self::Moment(more, after) => {
                wait_for(campaign, more, &mut run);
                thread::sleep(after);
            }
            Self::Call { at_last, .. } => wait_for(campaign, at_last, &mut run),
        }
        if !run.has_ended() {
            return Blow::Due(run);
        }
        let run = run.wait();
        match run.code {
            None => Blow::Struck,
            Some(_) => Blow::Missed(run),
        }
    }
}

/// Waits until so many more are accepted, or the run has ended.
fn wait_for(campaign: &Campaign, more: usize, run: &mut Running) {
    let begun = campaign.accepted();
    let (mut size, mut still) = (0, Duration::ZERO);
    while !run.has_ended() {
        let now = campaign.log_size();
        if now == size {
            still += PAUSE;
            assert!(still < STALL, "nothing was accepted for {STALL:?}");
        } else {
            (size, still) = (now, Duration::ZERO);
            if campaign.accepted() - begun >= more {
                return;
            }
        }
        thread::sleep(PAUSE);
    }
}
