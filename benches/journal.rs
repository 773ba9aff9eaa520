//! Measures the journal: how many intents and outcomes a second, how much CPU and how many octets a recipient,
//! and how long a process takes to be ready again. `cargo bench --bench journal -- 1000000 DIR`, where DIR
//! is a folder that is not there yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mailrun::mail::{
    Account, Answer, Batch, BatchId, Charge, Delivery, Digest, Intent, Outcome, Phase, PlanId, RecipientNo,
    RelayName, RelayNo, Reply, RunNo, Settled, State,
};
use mailrun::store::{Fate, History, Moment, Options, RelayUse, RunStart, Store};

/// Messages on their way at once, over all sessions.
const IN_FLIGHT: u32 = 800;
/// Sessions.
const SESSIONS: u32 = 50;

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// CPU time of this process, all threads, user and system.
fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(spent).expect("no process has spent less than nothing")
}

fn moment() -> Moment {
    let wall = Timestamp::from_second(1_800_000_000).expect("a valid second");
    Moment { wall, boot: Duration::from_secs(9), boot_id: [1; 16] }
}

fn settled(batch: Batch, reply: &Arc<Reply>) -> Settled {
    let outcome = Outcome::Accepted(Answer { phase: Phase::End, reply: Arc::clone(reply) });
    let deliveries =
        batch.recipients.iter().map(|recipient| Delivery { recipient: *recipient, outcome: outcome.clone() });
    Settled {
        relay: RelayNo(0),
        intended: true,
        charge: Charge::message(1),
        deliveries: deliveries.collect(),
        troubles: Vec::new(),
        batch,
    }
}

async fn session(store: Arc<Store>, run: RunNo, places: std::ops::Range<u32>) {
    let reply = Arc::new(Reply::new(250, "2.0.0 Ok: queued as 4FqX1T0h2Rz"));
    let window = IN_FLIGHT / SESSIONS;
    for start in places.clone().step_by(window as usize) {
        let mut batches = Vec::new();
        let mut last = None;
        for place in start..(start + window).min(places.end) {
            let id = BatchId { run, number: place, part: 0 };
            let batch = Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(place)] };
            let intent = Intent {
                relay: RelayNo(0),
                batch: &batch,
                recipients: &batch.recipients,
                charge: Charge::message(1),
                octets: 3_700,
                digest: Digest([5; 16]),
            };
            last = Some(store.intend(&intent, &moment()).expect("there is room"));
            batches.push(batch);
        }
        if let Some(durable) = last {
            durable.await.expect("the journal works");
        }
        for batch in batches {
            let queue_id = format!("4FqX1T0h2R{}", batch.id.number);
            let fate =
                Fate { state: State::Accepted, due: None, words: "2.0.0 Ok: queued as", queue_id: &queue_id };
            store.settle(&settled(batch, &reply), &[fate], moment().wall).expect("the journal works");
        }
    }
}

/// Octets of the records in the journal; the room behind them is zeros.
fn octets(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the journal is there").flatten();
    let segments = entries.filter(|entry| entry.path().extension().is_some_and(|name| name == "wal"));
    let written = segments.map(|entry| {
        let octets = std::fs::read(entry.path()).expect("a segment can be read");
        octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last as u64 + 1)
    });
    written.sum()
}

/// Takes `lost` out of the state, opens it, and says how long that took.
#[expect(clippy::print_stdout, reason = "a measurement is told")]
fn ready(state: &Path, lost: &[&str], what: &str) {
    for path in lost.iter().map(|name| state.join(name)) {
        let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        gone.expect("what is there can be removed");
    }
    let began = now();
    let store = Store::open(state, Options::default(), &moment()).expect("the state can be opened");
    println!("{what} in {:?}: {:?}", began.elapsed(), store.notes());
}

#[expect(clippy::print_stdout, reason = "a measurement is told")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let recipients: u32 = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let state = PathBuf::from(arguments.next().unwrap_or_else(|| "target/journal_rate".to_owned()));
    let store =
        Arc::new(Store::open(&state, Options::default(), &moment()).expect("the state can be opened"));
    let account = Account::new("mx.example.com", 465, Some("ada"));
    let relays = vec![RelayUse { name: RelayName::new("one"), account, sandbox: true }];
    let start = RunStart {
        plan: PlanId([1; 16]),
        campaign: "rate".to_owned(),
        edition: 1,
        recipients,
        batches: recipients,
        sandbox: true,
        relays,
    };
    let run = store.begin(&start, moment().wall).expect("the journal works");
    let (began, spent) = (now(), cpu());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let share = recipients.div_ceil(SESSIONS);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..SESSIONS)
            .map(|session| (session * share).min(recipients)..((session + 1) * share).min(recipients))
            .map(|places| tokio::spawn(self::session(Arc::clone(&store), run, places)))
            .collect();
        for task in tasks {
            task.await.expect("no session panics");
        }
    });
    let (took, spent) = (began.elapsed(), cpu().saturating_sub(spent));
    println!(
        "{recipients} recipients in {took:?}: {:.0} a second, {:.2} us of CPU each",
        f64::from(recipients) / took.as_secs_f64(),
        1e6 * spent.as_secs_f64() / f64::from(recipients)
    );
    drop(store);
    let written = octets(&state.join("journal"));
    println!("journal: {written} octets, {} a recipient", written / u64::from(recipients));
    let began = now();
    let history = History::read(&state).expect("the journal can be read");
    println!("read without the lock in {:?}: {} runs", began.elapsed(), history.runs.len());
    ready(&state, &[], "ready again");
    ready(&state, &["index"], "ready with a new index");
    ready(&state, &["index", "journal/checkpoint"], "ready without a checkpoint and with a new index");
}
