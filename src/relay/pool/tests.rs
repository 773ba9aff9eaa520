//! A pool over loopback sockets, against a server whose odd habits are closures.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_channel::Sender;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::super::settings::Credentials;
use super::super::submit::{Report, Unsendable};
use super::*;
use crate::mail::{Batch, BatchId, Class, Doubt, Outcome, RecipientNo, RelayNo, RunNo, Settled};
use crate::smtp::{ClearTo, OpenGate, Security, message};

mod streaming;

/// What a server does out of the common: for the number of a connection and a line heard on it, another
/// reply than usual. An empty one closes, [`SILENCE`] says nothing any more.
type Habit = dyn Fn(usize, &str) -> Option<&'static str> + Send + Sync;

const SILENCE: &str = "silence";

/// A server on a port of its own; counts connections and end-of-data.
struct Host {
    port: u16,
    connections: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn host(habit: impl Fn(usize, &str) -> Option<&'static str> + Send + Sync + 'static) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (connections, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let habit: Arc<Habit> = Arc::new(habit);
    let (count, total) = (Arc::clone(&connections), Arc::clone(&taken));
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let (habit, total) = (Arc::clone(&habit), Arc::clone(&total));
            tokio::spawn(async move {
                let _ = serve(stream, number, &*habit, &total).await;
            });
        }
    });
    Host { port, connections, taken, task }
}

async fn serve(stream: TcpStream, number: usize, habit: &Habit, taken: &AtomicUsize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    let mut content = false;
    let mut heard = "connect".to_owned();
    loop {
        let usual = match (content, heard.split([' ', ':']).next().unwrap_or_default()) {
            (true, ".") => {
                taken.fetch_add(1, Ordering::SeqCst);
                "250 taken\r\n"
            }
            (true, _) => "",
            (false, "connect") => "220 a\r\n",
            (false, "EHLO") => "250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n",
            (false, "AUTH") => "235 in\r\n",
            (false, "DATA") => "354 go\r\n",
            (false, "QUIT") => "221 bye\r\n",
            (false, _) => "250 ok\r\n",
        };
        let ends = !content || heard == ".";
        if ends {
            match habit(number, &heard) {
                Some("") => return Ok(()),
                Some(SILENCE) => std::future::pending().await,
                Some(reply) => {
                    content = reply.starts_with("354");
                    lines.write_all(reply.as_bytes()).await?;
                }
                None => {
                    content = usual.starts_with("354");
                    lines.write_all(usual.as_bytes()).await?;
                }
            }
        }
        heard.clear();
        if lines.read_line(&mut heard).await? == 0 {
            return Ok(());
        }
        heard.truncate(heard.trim_end().len());
    }
}

fn settings(port: u16) -> RelaySettings {
    RelaySettings {
        security: Security::Clear,
        clear_to: ClearTo::Loopback,
        ..RelaySettings::new("127.0.0.1", port)
    }
}

/// A pool at work.
struct Run {
    batches: Sender<Batch>,
    reports: UnboundedReceiver<Report>,
    task: tokio::task::JoinHandle<()>,
}

fn run(settings: RelaySettings, count: u32) -> Run {
    let (sender, batches) = async_channel::unbounded();
    for number in 0..count {
        sender.try_send(batch(number)).expect("room");
    }
    let compose = |batch: Batch| Ok::<_, Unsendable>(compose(batch));
    let (reporter, reports) = unbounded_channel();
    let pool = Arc::new(RelayPool::new(settings).expect("settings"));
    let work = Work::new(batches, Arc::new(compose));
    let task = tokio::spawn(pool.drive(work, Arc::new(OpenGate), Reports::new(RelayNo(4), reporter)));
    Run { batches: sender, reports, task }
}

fn batch(number: u32) -> Batch {
    let id = BatchId { run: RunNo(1), number, part: 0 };
    Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(number)] }
}

fn compose(batch: Batch) -> Message {
    Message { batch, ..message(0, &["a@x.example"], "x\r\n") }
}

impl Run {
    /// The next settlement.
    async fn settled(&mut self) -> Settled {
        loop {
            match self.reports.recv().await.expect("a report") {
                Report::Settled(settled) => return settled,
                Report::Session { .. } => {}
            }
        }
    }

    /// Gives nothing more and waits for the end: every settlement by batch, and what sessions came to.
    async fn finish(mut self) -> (BTreeMap<u32, Settled>, Vec<SessionEvent>) {
        self.batches.close();
        timeout(Duration::from_secs(20), self.task).await.expect("an end").expect("no panic");
        let (mut settled, mut events) = (BTreeMap::new(), Vec::new());
        while let Some(report) = self.reports.recv().await {
            match report {
                Report::Settled(one) => {
                    assert_eq!(one.relay, RelayNo(4));
                    let twice = settled.insert(one.batch.id.number, one);
                    assert!(twice.is_none(), "settled twice: {twice:?}");
                }
                Report::Session { event, .. } => events.push(event),
            }
        }
        (settled, events)
    }
}

fn accepted(settled: &BTreeMap<u32, Settled>) -> usize {
    let taken = |one: &&Settled| matches!(one.deliveries[0].outcome, Outcome::Accepted(_));
    settled.values().filter(taken).count()
}

#[tokio::test]
async fn all_is_sent_and_the_sessions_say_quit() {
    let host = host(|_, _| None).await;
    let run = run(RelaySettings { sessions: 3, ..settings(host.port) }, 500);
    let (settled, events) = run.finish().await;
    assert_eq!((settled.len(), accepted(&settled), host.taken.load(Ordering::SeqCst)), (500, 500, 500));
    let drawn: u32 = events
        .iter()
        .map(|event| match event {
            SessionEvent::Closed { messages, trouble: None } => *messages,
            SessionEvent::Opened | SessionEvent::WithoutDsn => 0,
            SessionEvent::Closed { .. } | SessionEvent::StepsBack { .. } | SessionEvent::Failed { .. } => {
                panic!("{event:?}")
            }
        })
        .sum();
    assert_eq!(drawn, 500);
}

#[tokio::test]
async fn a_session_leaves_before_its_messages_are_used_up() {
    let host = host(|_, _| None).await;
    let run = run(RelaySettings { sessions: 1, messages_per_session: 10, ..settings(host.port) }, 95);
    let (settled, events) = run.finish().await;
    // Each takes up to a fifth fewer than it may.
    let connections = host.connections.load(Ordering::SeqCst);
    assert!(accepted(&settled) == 95 && (10..=12).contains(&connections), "{connections}");
    let most = events.iter().filter_map(|event| match event {
        SessionEvent::Closed { messages, .. } => Some(*messages),
        SessionEvent::Opened
        | SessionEvent::WithoutDsn
        | SessionEvent::StepsBack { .. }
        | SessionEvent::Failed { .. } => None,
    });
    assert!(most.max() <= Some(10));
}

#[tokio::test]
async fn an_open_session_is_preferred_to_a_new_one() {
    let host = host(|_, _| None).await;
    let run = run(RelaySettings { sessions: 4, ..settings(host.port) }, 0);
    for number in 0..20 {
        run.batches.send(batch(number)).await.expect("room");
        while host.taken.load(Ordering::SeqCst) <= number as usize {
            tokio::task::yield_now().await;
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let (settled, _) = run.finish().await;
    assert_eq!(accepted(&settled), 20);
    assert!(host.connections.load(Ordering::SeqCst) <= 2, "{:?}", host.connections);
}

#[tokio::test]
async fn a_refused_password_is_said_once_whatever_waits() {
    let host = host(|_, line| line.starts_with("AUTH").then_some("535 5.7.8 no\r\n")).await;
    let login = Some(Credentials::by_password("ada", "wrong"));
    let run = run(RelaySettings { sessions: 8, login, ..settings(host.port) }, 40);
    let (settled, events) = run.finish().await;
    assert_eq!((settled.len(), accepted(&settled), host.connections.load(Ordering::SeqCst)), (40, 0, 1));
    assert!(settled.values().all(|one| one.deliveries[0].outcome == Outcome::Returned(Return::NotSent)));
    let [SessionEvent::Failed { trouble, retry: Retry::Never }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(trouble.verdict.class, Class::Login);
}

#[tokio::test]
async fn what_waits_for_a_dead_host_is_handed_back() {
    let dead = host(|_, _| None).await;
    let port = dead.port;
    drop(dead);
    tokio::task::yield_now().await;
    let run = run(RelaySettings { sessions: 8, ..settings(port) }, 40);
    let (settled, events) = run.finish().await;
    assert_eq!(settled.len(), 40);
    assert!(settled.values().all(|one| one.deliveries[0].outcome == Outcome::Returned(Return::NotSent)));
    assert!(
        matches!(events.first(), Some(SessionEvent::Failed { retry: Retry::After(_), .. })),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_line_lost_at_the_dot_is_uncertain_and_the_others_go_on() {
    let host = host(|number, line| (number == 1 && line == ".").then_some("")).await;
    let run = run(RelaySettings { sessions: 1, ..settings(host.port) }, 5);
    let mut run = run;
    let Some(Report::Session { event: SessionEvent::Opened, .. }) = run.reports.recv().await else {
        panic!()
    };
    let Some(Report::Settled(first)) = run.reports.recv().await else { panic!() };
    assert_eq!(first.deliveries[0].outcome, Outcome::Uncertain(Doubt::LineLost));
    assert!(first.intended && !first.charge.is_zero());
    let Some(Report::Settled(second)) = run.reports.recv().await else { panic!() };
    assert_eq!(second.deliveries[0].outcome, Outcome::Returned(Return::LineLost));
    assert!(!second.intended && second.charge.is_zero());
    let (settled, events) = run.finish().await;
    assert_eq!(settled.len(), 3);
    let trouble = events.iter().find_map(|event| match event {
        SessionEvent::Closed { trouble, .. } => trouble.as_ref(),
        SessionEvent::Opened
        | SessionEvent::WithoutDsn
        | SessionEvent::StepsBack { .. }
        | SessionEvent::Failed { .. } => None,
    });
    assert_eq!(trouble.expect("told").verdict.class, Class::Connection);
}

#[tokio::test]
async fn a_server_that_closes_after_every_message_is_borne_with() {
    let host = host(|_, line| (line == ".").then_some("250 taken\r\n421 4.7.0 enough\r\n")).await;
    let mut run = run(RelaySettings { sessions: 1, ..settings(host.port) }, 1);
    let (mut sent, mut tries) = (0, 1);
    while sent < 5 {
        let Some(Report::Settled(one)) = run.reports.recv().await else { continue };
        match &one.deliveries[0].outcome {
            Outcome::Accepted(_) => sent += 1,
            Outcome::Returned(_) => {}
            other => panic!("{other:?}"),
        }
        run.batches.send(batch(tries)).await.expect("room");
        tries += 1;
    }
    let (settled, _) = run.finish().await;
    assert!(settled.values().all(|one| !matches!(one.deliveries[0].outcome, Outcome::Uncertain(_))));
    assert!(host.connections.load(Ordering::SeqCst) >= 5);
}

#[tokio::test]
async fn a_dropped_pool_settles_everything_it_took() {
    let host = host(|_, line| (line == ".").then_some(SILENCE)).await;
    let mut run = run(RelaySettings { sessions: 2, ..settings(host.port) }, 6);
    while host.connections.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    while host.taken.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    run.task.abort();
    let left = run.batches.len();
    let mut outcomes = Vec::new();
    while let Some(report) = run.reports.recv().await {
        if let Report::Settled(one) = report {
            outcomes.push(one.deliveries[0].outcome.clone());
        }
    }
    let uncertain = Outcome::Uncertain(Doubt::Abandoned);
    assert_eq!(outcomes.len(), 6 - left);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == uncertain).count(), 2, "{outcomes:?}");
}

#[tokio::test]
async fn a_probe_shows_what_was_said_but_no_secret() {
    use super::super::probe::{Asked, probe};
    let host = host(|_, line| (line == "HELP").then_some("214 no help\r\n")).await;
    let login = Some(Credentials::by_password("ada", "canary"));
    let settings = RelaySettings { login, helo: Some("client.example".into()), ..settings(host.port) };
    let found = probe(&settings, vec![Asked::Help]).await.expect("a session");
    let shown = format!("{found:?}");
    assert!(shown.contains("AUTH PLAIN ****") && !shown.contains("canary"), "{shown}");
    assert_eq!(found.answers[0].1.code, 214);
    assert_eq!(found.transcript.lines().len(), 10, "{:?}", found.transcript.lines());
    assert_eq!(host.taken.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_session_of_which_the_server_has_had_enough_is_left_for_another() {
    let counts = std::sync::Mutex::new(BTreeMap::<usize, u32>::new());
    let host = host(move |connection, line| {
        let mut counts = counts.lock().expect("whole");
        let mails = counts.entry(connection).or_default();
        *mails += u32::from(line.starts_with("MAIL"));
        let enough = "452 4.5.3 Too many recipients: Too many messages sent\r\n";
        (*mails > 5 && !line.starts_with("QUIT") && line != "RSET").then_some(enough)
    })
    .await;
    let mut run = run(RelaySettings { sessions: 1, ..settings(host.port) }, 1);
    let (mut sent, mut refused) = (0, 0);
    while sent < 20 {
        match &run.settled().await.deliveries[0].outcome {
            Outcome::Accepted(_) => sent += 1,
            Outcome::Returned(_) => refused += 1,
            other => panic!("{other:?}"),
        }
        run.batches.send(batch(sent + 100 * refused)).await.expect("room");
    }
    let connections = host.connections.load(Ordering::SeqCst);
    assert!(connections == 4 || connections == 5, "{connections}");
    assert!(refused <= 8, "one or two a session, and not one message after the other: {refused}");
}

#[tokio::test]
async fn a_session_has_no_more_transactions_than_the_server_announces() {
    let mails = Arc::new(std::sync::Mutex::new(BTreeMap::<usize, u32>::new()));
    let counts = Arc::clone(&mails);
    let host = host(move |connection, line| {
        if line.starts_with("MAIL") {
            *counts.lock().expect("whole").entry(connection).or_default() += 1;
        }
        line.starts_with("EHLO").then_some("250-mx\r\n250-LIMITS MAILMAX=3 RCPTMAX=9\r\n250 PIPELINING\r\n")
    })
    .await;
    let run = run(RelaySettings { sessions: 1, ..settings(host.port) }, 10);
    let (settled, _) = run.finish().await;
    let counts: Vec<u32> = mails.lock().expect("whole").values().copied().collect();
    assert_eq!((accepted(&settled), counts), (10, vec![3, 3, 3, 1]));
}
