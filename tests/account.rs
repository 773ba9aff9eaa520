//! What a provider says of the account, the host or the connection costs no recipient, whatever its code.
//!
//! Every labelled reply of that kind goes the way of a real one: judged, settled, heeded by the scheduler.
//! Those written to stay pending, and as nobody is rejected, nobody can be suppressed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mailrun::mail::{
    Account, Answer, Batches, Charge, Outcome, Phase, RelayName, Reply, RunNo, Scope, State, Trouble, Verdict,
};
use mailrun::policy::{DomainLimits, Retry, StopIf};
use mailrun::relay::{Accounting, Profile, judge, settle};
use mailrun::schedule::{Backlog, LaneSpec, Scheduler, Step, Terms};
use mailrun::smtp::{Ending, Fate, Refusals};
use proptest::prelude::*;

/// The table of `relay/verdict`: profile, phase, code, words => class, scope, permanence.
const REPLIES: &str = include_str!("../src/relay/verdict/replies.txt");

/// Phases of a transaction; the others come before one and reach the scheduler as troubles of a session.
const PHASES: [(&str, Phase); 9] = [
    ("connect", Phase::Connect),
    ("ehlo", Phase::Ehlo),
    ("starttls", Phase::StartTls),
    ("auth", Phase::Auth),
    ("mail", Phase::Mail),
    ("rcpt", Phase::Rcpt),
    ("data", Phase::Data),
    ("end", Phase::End),
    ("other", Phase::Other),
];

#[derive(Debug, Clone)]
struct Said {
    profile: Profile,
    answer: Answer,
}

/// Every labelled reply that speaks of no recipient, domain or message.
fn said_of_the_account() -> Vec<Said> {
    let labelled = REPLIES.lines().filter_map(|line| line.split_once(" => "));
    let of_account = labelled.filter(|(_, label)| {
        let scope = label.split(' ').nth(1).expect("a label names a scope");
        matches!(scope, "relay" | "host" | "connection" | "campaign")
    });
    let said = of_account.map(|(said, _)| parse(said).unwrap_or_else(|| panic!("{said}")));
    // A 2yz or 3yz is no refusal.
    said.filter(|said| said.answer.reply.code >= 400).collect()
}

fn parse(said: &str) -> Option<Said> {
    let mut words = said.splitn(4, ' ');
    let (profile, phase, code) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let profile = Profile::ALL.into_iter().find(|known| known.name() == profile)?;
    let phase = PHASES.into_iter().find(|(name, _)| *name == phase)?.1;
    let reply = Arc::new(Reply::new(code, words.next().unwrap_or_default().replace("\\n", "\n")));
    Some(Said { profile, answer: Answer { phase, reply } })
}

fn start() -> Timestamp {
    "2026-06-01T10:00:00Z".parse().expect("a timestamp")
}

/// A run of batches of `size` over `relays` relays, each at a host of its own.
fn scheduler(relays: usize, size: u32) -> Scheduler {
    let recipients = 12;
    let lanes: Vec<LaneSpec> = (0..relays)
        .map(|number| LaneSpec {
            relay: RelayName::new(&format!("relay{number}")),
            account: Account::new(&format!("smtp{number}.example"), 465, Some("a@b.example")),
            quotas: Vec::new(),
            reserve: 0,
            rate: None,
            sessions: 4,
            ahead: 0,
            weight: 1,
            recipients_per_message: 100,
            warmup: None,
            domains: DomainLimits::default(),
            pace: Duration::from_millis(50),
        })
        .collect();
    let starts = (0..recipients).step_by(size as usize).collect();
    let batches = Batches::Grouped { recipients, starts };
    let all = 0..batches.len();
    let backlog = Backlog {
        batches: Arc::new(batches),
        fresh: vec![all],
        waiting: Vec::new(),
        parts: Vec::new(),
        domains: None,
    };
    let stop_if = StopIf { rejected: 0.01, after: 0 };
    let terms = Terms { run: RunNo(1), start: None, hours: None, retry: Retry::default(), stop_if };
    Scheduler::new(terms, &lanes, &BTreeMap::new(), backlog, 7)
}

/// Lets `said` happen to the next batch, or to a session where it comes before one. Gives when to go on; none:
/// nobody is left to send.
fn suffer(scheduler: &mut Scheduler, now: Timestamp, said: &Said, refusals: Refusals) -> Option<Timestamp> {
    let (relay, batch) = match scheduler.next(now) {
        Step::Lease { relay, batch } => (relay, batch),
        Step::Wait(wait) => return wait.until,
        Step::Done | Step::Stopped(_) => return None,
    };
    let answer = &said.answer;
    let before =
        matches!(answer.phase, Phase::Connect | Phase::Ehlo | Phase::StartTls | Phase::Auth | Phase::Other);
    let count = batch.recipients.len();
    let (fate, intended) = match answer.phase {
        Phase::End => (Fate::Answered(answer.clone()), Some(Charge::message(count))),
        _ if before => (Fate::NotSent, None),
        _ => (Fate::Answered(answer.clone()), None),
    };
    let ending = Ending { batch, intended, fates: vec![fate; count] };
    let settled = settle(ending, Accounting { relay, refusals, profile: said.profile });
    for delivery in &settled.deliveries {
        assert!(matches!(delivery.outcome, Outcome::Returned(_)), "{said:?}: {delivery:?}");
    }
    let decision = scheduler.settle(now, &settled);
    assert!(
        decision.deliveries.iter().all(|(_, state, _)| *state == State::Pending),
        "{said:?}: {decision:?}"
    );
    if before {
        let verdict: Verdict = judge(answer.phase, &answer.reply, said.profile);
        assert!(matches!(verdict.scope, Scope::Relay | Scope::Host | Scope::Connection), "{said:?}");
        let trouble = Trouble { verdict, words: answer.reply.to_string(), phase: answer.phase };
        scheduler.trouble(now, relay, &trouble);
    }
    Some(now)
}

fn assert_everybody_is_pending(scheduler: &Scheduler, said: &[&Said]) {
    let tally = scheduler.tally();
    assert_eq!((tally.of(State::Pending), tally.planned()), (12, 12), "{said:?}");
    assert!(!scheduler.breaker_fired(), "{said:?}: it is no campaign's fault either");
}

#[test]
fn no_reply_about_the_account_costs_a_recipient() {
    let all = said_of_the_account();
    assert!(all.len() >= 300, "{}", all.len());
    for said in &all {
        for (size, refusals) in [(1, Refusals::Charged), (3, Refusals::Free), (12, Refusals::Charged)] {
            let mut scheduler = scheduler(1, size);
            let mut now = start();
            // Until nothing more may go, or for as long as a relay is tried again.
            for _ in 0..30 {
                let Some(next) = suffer(&mut scheduler, now, said, refusals) else { break };
                now = next;
                assert_everybody_is_pending(&scheduler, &[said]);
            }
        }
    }
}

proptest! {
    #[test]
    fn nor_do_any_of_them_one_after_the_other(
        said in prop::collection::vec(prop::sample::select(said_of_the_account()), 1..60),
        size in 1_u32..13,
        relays in 1_usize..5,
    ) {
        let mut scheduler = scheduler(relays, size);
        let mut now = start();
        for said in &said {
            let Some(next) = suffer(&mut scheduler, now, said, Refusals::Charged) else { break };
            now = next;
        }
        assert_everybody_is_pending(&scheduler, &said.iter().collect::<Vec<_>>());
    }
}
