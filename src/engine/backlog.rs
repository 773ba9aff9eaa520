//! What a run has left to do: the store's account of it, as the scheduler takes it.
//!
//! The store knows recipients, the scheduler batches. A batch that is pending as planned is fresh work;
//! everybody else goes by the batch, part and attempt they were last in, so that a resumed attempt has
//! the Message-ID and the Date of the first one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use crate::mail::{Batch, BatchId, Batches, RecipientNo, RelayName, RelayNo, RunNo};
use crate::schedule;
use crate::store::{Backlog, Waiter};

/// What tells waiting recipients of one batch apart: those that agree share the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Together {
    batch: u32,
    part: u16,
    attempts: u16,
    due: Option<Timestamp>,
    since: Option<Timestamp>,
    relay: Option<RelayNo>,
}

/// The backlog of `run` for the scheduler; `relays` gives the relays of this run their numbers.
pub(super) fn backlog(
    run: RunNo,
    left: &Backlog,
    batches: &Arc<Batches>,
    relays: &[RelayName],
    now: Timestamp,
) -> schedule::Backlog {
    let numbers: HashMap<&RelayName, RelayNo> =
        (0..).map(RelayNo).zip(relays).map(|(no, name)| (name, no)).collect();
    let mut groups: BTreeMap<Together, Vec<RecipientNo>> = BTreeMap::new();
    let mut attempted = HashSet::new();
    for waiter in left.returned.iter().chain(&left.deferred) {
        attempted.insert(waiter.recipient.0);
        groups.entry(together(waiter, &numbers)).or_default().push(waiter.recipient);
    }
    let (fresh, strays) = fresh_batches(&left.pending, &attempted, batches);
    for recipient in strays {
        let batch = batches.batch_of(RecipientNo(recipient));
        let alone = Together { batch, part: 0, attempts: 0, due: None, since: None, relay: None };
        groups.entry(alone).or_default().push(RecipientNo(recipient));
    }
    let waiting = groups.into_iter().map(|(shared, mut recipients)| {
        recipients.sort_unstable();
        recipients.dedup();
        let id = BatchId { run, number: shared.batch, part: shared.part };
        let date = left.dates.get(&(shared.batch, shared.part)).copied();
        let batch = Batch { id, attempt: shared.attempts.saturating_add(1), date, recipients };
        schedule::Waiting { batch, due: shared.due.unwrap_or(now), relay: shared.relay, since: shared.since }
    });
    schedule::Backlog {
        batches: Arc::clone(batches),
        fresh,
        waiting: waiting.collect(),
        parts: left.parts.iter().map(|(number, part)| (*number, *part)).collect(),
    }
}

/// The same backlog with at most `limit` recipients in it: deferred ones first, as they were begun.
pub(super) fn limited(backlog: schedule::Backlog, limit: u64) -> schedule::Backlog {
    let schedule::Backlog { batches, fresh, waiting, parts } = backlog;
    let mut room = limit;
    let mut kept = Vec::new();
    for mut entry in waiting {
        let take = usize::try_from(room).unwrap_or(usize::MAX).min(entry.batch.recipients.len());
        entry.batch.recipients.truncate(take);
        room -= take as u64;
        if take > 0 {
            kept.push(entry);
        }
    }
    let mut begun = Vec::new();
    for number in fresh.into_iter().flatten() {
        let range = batches.range(number);
        let size = u64::from(range.end - range.start);
        if size > room {
            break;
        }
        room -= size;
        push(&mut begun, number);
    }
    schedule::Backlog { batches, fresh: begun, waiting: kept, parts }
}

fn together(waiter: &Waiter, numbers: &HashMap<&RelayName, RelayNo>) -> Together {
    Together {
        batch: waiter.batch,
        part: waiter.part,
        attempts: waiter.attempts,
        due: waiter.due,
        since: waiter.since,
        // Only who was deferred must come back over the same relay.
        relay: waiter.since.and(waiter.relay.as_ref()).and_then(|name| numbers.get(name)).copied(),
    }
}

/// The planned batches that are pending as a whole and were never attempted, and the pending recipients
/// of the others who were not attempted either.
fn fresh_batches(
    pending: &[Range<u32>],
    attempted: &HashSet<u32>,
    batches: &Batches,
) -> (Vec<Range<u32>>, Vec<u32>) {
    let (mut fresh, mut strays) = (Vec::new(), Vec::new());
    for range in pending {
        let mut recipient = range.start;
        while recipient < range.end {
            let number = batches.batch_of(RecipientNo(recipient));
            let whole = batches.range(number);
            let here = recipient..whole.end.min(range.end);
            recipient = here.end;
            if here == whole && !here.clone().any(|one| attempted.contains(&one)) {
                push(&mut fresh, number);
            } else {
                strays.extend(here.filter(|one| !attempted.contains(one)));
            }
        }
    }
    (fresh, strays)
}

/// Adds a number that is higher than all before it.
fn push(ranges: &mut Vec<Range<u32>>, number: u32) {
    match ranges.last_mut() {
        Some(range) if range.end == number => range.end += 1,
        Some(_) | None => ranges.push(number..number + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn waiter(recipient: u32, batch: u32, since: Option<i64>) -> Waiter {
        let at = |second| Timestamp::from_second(second).expect("a valid second");
        Waiter {
            recipient: RecipientNo(recipient),
            batch,
            part: 0,
            attempts: u16::from(since.is_some()),
            due: since.map(|second| at(second + 300)),
            since: since.map(at),
            relay: Some(RelayName::new("b")),
        }
    }

    fn relays() -> [RelayName; 2] {
        [RelayName::new("a"), RelayName::new("b")]
    }

    #[test]
    fn whole_pending_batches_are_fresh_and_the_rest_goes_by_its_last_attempt() {
        let batches = Arc::new(Batches::Grouped { recipients: 9, starts: vec![0, 3, 6] });
        let left = Backlog {
            pending: vec![0..4, 5..9],
            returned: vec![waiter(5, 1, None)],
            deferred: vec![waiter(4, 1, Some(1000))],
            ..Backlog::default()
        };
        let now = Timestamp::from_second(2000).expect("a valid second");
        let found = backlog(RunNo(1), &left, &batches, &relays(), now);
        assert_eq!(found.fresh, [0..1, 2..3]);
        let mut seen: Vec<_> = found
            .waiting
            .iter()
            .map(|entry| {
                let who: Vec<u32> = entry.batch.recipients.iter().map(|recipient| recipient.0).collect();
                (who, entry.batch.attempt, entry.relay)
            })
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [(vec![3, 5], 1, None), (vec![4], 2, Some(RelayNo(1)))]);
    }

    #[test]
    fn a_limit_keeps_no_more_than_it_says() {
        let batches = Arc::new(Batches::Personal { recipients: 100 });
        let left = Backlog { pending: iter::once(0..100).collect(), ..Backlog::default() };
        let whole = backlog(RunNo(1), &left, &batches, &relays(), Timestamp::UNIX_EPOCH);
        let numbers: Vec<u32> = limited(whole, 7).fresh.into_iter().flatten().collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    }
}
