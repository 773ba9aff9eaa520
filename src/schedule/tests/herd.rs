//! A hundred thousand who are due at one instant, as after a clock that jumped or a machine that slept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use super::{deferred, lane, personal, report, scheduler, start, terms};
use crate::mail::{Batch, BatchId, RecipientNo, RelayNo, RunNo};
use crate::policy::Rate;
use crate::schedule::{Backlog, Step, Waiting};

/// How many wait.
const HERD: u32 = 100_000;
/// Messages a second that the relay takes.
const RATE: u32 = 50;
/// Its sessions.
const SESSIONS: u32 = 4;
/// How long a message takes.
const TAKES: Duration = Duration::from_millis(40);

/// Everybody deferred an hour ago, and due now.
fn herd() -> Backlog {
    let since = start() - Duration::from_hours(1);
    let waiting = (0..HERD).map(|place| Waiting {
        batch: Batch {
            id: BatchId { run: RunNo(1), number: place, part: 0 },
            attempt: 2,
            date: Some(since),
            recipients: vec![RecipientNo(place)].into_iter().collect(),
        },
        due: start(),
        relay: Some(RelayNo(0)),
        since: Some(since),
    });
    Backlog { fresh: Vec::new(), waiting: waiting.collect(), ..personal(HERD) }
}

/// Sends until everybody had one attempt; says how many were handed out in each second, and when everybody
/// is due again.
fn drive() -> (Vec<u32>, Vec<Timestamp>) {
    let rate = Rate { count: NonZeroU32::new(RATE).expect("not 0"), per: Duration::from_secs(1) };
    let lane = super::LaneSpec { rate: Some(rate), sessions: SESSIONS, ..lane("a") };
    let mut scheduler = scheduler(terms(), &[lane], herd());
    scheduler.sessions(start(), RelayNo(0), SESSIONS);
    let (mut now, mut seconds, mut again) = (start(), Vec::new(), Vec::new());
    let mut out: BinaryHeap<Reverse<(Timestamp, u32)>> = BinaryHeap::new();
    let mut batches = hashbrown::HashMap::new();
    while again.len() < HERD as usize {
        if let Some(Reverse((_, number))) = out.peek().copied().filter(|Reverse((done, _))| *done <= now) {
            out.pop();
            let batch = batches.remove(&number).expect("it is out");
            let decision = scheduler.settle(now, &report(RelayNo(0), batch, |_| deferred()));
            again.extend(decision.deliveries.iter().filter_map(|(_, _, due)| *due));
            continue;
        }
        match scheduler.next(now) {
            Step::Lease { batch, .. } => {
                let second = usize::try_from((now.as_second() - start().as_second()).max(0)).expect("later");
                seconds.resize(seconds.len().max(second + 1), 0);
                seconds[second] += 1;
                out.push(Reverse((now + TAKES, batch.id.number)));
                batches.insert(batch.id.number, batch);
                assert!(out.len() <= SESSIONS as usize, "no more than there are sessions for");
            }
            Step::Wait(wait) => {
                let done = out.peek().map(|Reverse((done, _))| *done);
                now = [wait.until, done].into_iter().flatten().min().expect("something comes").max(now);
            }
            step => panic!("{step:?} with {} again", again.len()),
        }
    }
    (seconds, again)
}

#[test]
fn a_herd_that_is_due_at_once_leaves_as_fast_as_its_relay_allows_and_no_faster() {
    let (seconds, again) = drive();
    assert!(seconds.iter().all(|sent| *sent <= RATE + 1), "{:?}", seconds.iter().max());
    assert!(seconds.len() >= (HERD / (RATE + 1)) as usize, "{} seconds", seconds.len());
    let mut due: Vec<i64> = again.iter().map(|due| due.as_second()).collect();
    due.sort_unstable();
    let crowded = due.chunk_by(|one, next| one == next).map(<[i64]>::len).max().expect("all are due again");
    assert!(crowded <= 2 * RATE as usize, "{crowded} are due again in one second");
}
